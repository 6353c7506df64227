//! Whose code a frame is: the app's, a dependency's or the standard library's.

use super::frame::Frame;
use super::name;

/// Whether a source file is the app's own. Allocates nothing.
///
/// The rule goes by the places where cargo and rustc keep the sources of others, however `CARGO_HOME` is set:
/// `registry/src/<index>-<hash>/`, `git/checkouts/<repository>-<hash>/`, `vendor/<crate>/src/`, `/rustc/<commit>/` and
/// `rustlib/src/rust/`.
pub(crate) fn is_app_file(path: &str) -> bool {
    owner(path) == Owner::App
}

/// Whether the file of debug information, mostly absolute, is the one of a panic's location, which is relative to the
/// workspace for the app's own code.
pub(crate) fn same_file(dwarf: &str, location: &str) -> bool {
    let mut longer = parts(dwarf).rev();
    let mut shorter = parts(location).rev().peekable();
    shorter.peek().is_some() && shorter.all(|part| longer.next() == Some(part))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    App,
    Dependency,
    Std,
}

fn owner(path: &str) -> Owner {
    // The second is where the standard library's own dependencies are built.
    if path.starts_with("/rustc/") || path.starts_with("/rust/deps/") {
        return Owner::Std;
    }
    let (mut before, mut last) = ("", "");
    for part in parts(path) {
        match (before, last) {
            ("rustlib", "src") if part == "rust" => return Owner::Std,
            // Where distributions build it: `/usr/src/rustc-1.85.0/library/`.
            (_, version) if part == "library" && version.starts_with("rustc-") => {
                return Owner::Std;
            }
            // The hash tells cargo's folders from an app's crate that is called `registry`.
            ("registry", "src") | ("git", "checkouts") if ends_with_hash(part) => {
                return Owner::Dependency;
            }
            // The `src` tells a vendored crate from an app's module that is called `vendor`.
            ("vendor", name) if part == "src" && name != "src" => return Owner::Dependency,
            _ => {}
        }
        (before, last) = (last, part);
    }
    Owner::App
}

/// The name and version of the crate a registry's file belongs to.
pub(super) fn registry_crate(path: &str) -> Option<(&str, &str)> {
    let (mut before, mut last, mut index) = ("", "", false);
    for part in parts(path) {
        if index {
            return split_version(part);
        }
        index = (before, last) == ("registry", "src") && ends_with_hash(part);
        (before, last) = (last, part);
    }
    None
}

/// Whether the frame belongs to the standard library.
pub(super) fn is_std(frame: &Frame) -> bool {
    if let Some(file) = &frame.file
        && owner(file) == Owner::Std
    {
        return true;
    }
    frame.function.as_deref().is_some_and(|function| {
        function.starts_with("__rust")
            || matches!(
                name::krate(function),
                Some("std" | "core" | "alloc" | "__rustc")
            )
    })
}

/// Whether the frame belongs to the crate of this name, which has no hyphen in it.
pub(super) fn is_of(frame: &Frame, krate: &str) -> bool {
    match frame.file.as_deref().and_then(registry_crate) {
        Some((name, _)) => name == krate,
        None => frame.function.as_deref().and_then(name::krate) == Some(krate),
    }
}

/// Whether the frame is this crate's.
pub(super) fn is_own(frame: &Frame) -> bool {
    let function = frame.function.as_deref();
    // In unit tests, this crate's own tests stand for the app.
    if cfg!(test) && function.is_some_and(|function| function.contains("::tests::")) {
        return false;
    }
    match function.and_then(name::krate) {
        Some(krate) => krate == OWN,
        None => frame.file.as_deref().is_some_and(is_own_file),
    }
}

fn is_own_file(path: &str) -> bool {
    registry_crate(path).is_some_and(|(name, _)| name == env!("CARGO_PKG_NAME"))
        || path
            .strip_prefix(env!("CARGO_MANIFEST_DIR"))
            .is_some_and(|inside| parts(inside).next() == Some("src"))
}

/// Whether the frame is the app's, as far as it can tell alone.
pub(super) fn is_in_app(frame: &Frame) -> bool {
    let file = frame.file.as_deref();
    // What is not Rust is the system's: its debug information names files like `./nptl/pthread_create.c`.
    if file.is_some_and(|file| !file.ends_with(".rs") || owner(file) != Owner::App) || is_own(frame)
    {
        return false;
    }
    let Some(function) = frame.function.as_deref() else {
        return file.is_some();
    };
    match name::krate(function) {
        // `<axum::Json<T> as shop::Check>::check` in a file of the app's is the app's.
        Some(krate) => !LIBRARIES.contains(&krate) || (file.is_some() && function.starts_with('<')),
        // `main`, `_start`, `clone3`: what has neither path nor file is C's or the linker's.
        None => file.is_some(),
    }
}

/// What only the whole stack tells of whose code its frames are.
pub(super) fn settle(frames: &mut [Frame]) {
    // Where the app was built with debug information, a frame without a file is of a dependency that was not.
    if frames
        .iter()
        .any(|frame| frame.in_app && frame.file.is_some())
    {
        for frame in frames.iter_mut().filter(|frame| frame.file.is_none()) {
            frame.in_app = false;
        }
    }
    // Nothing of the app's: all is as interesting.
    if frames.iter().all(|frame| !frame.in_app) {
        for frame in frames {
            frame.in_app = true;
        }
    }
}

fn parts(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split(['/', '\\'])
        .filter(|part| !part.is_empty() && *part != ".")
}

/// `index-1949cf8c6b5b557f`: cargo ends the names of its folders with 16 hexadecimal digits.
fn ends_with_hash(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(_, hash)| {
        hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// `sha-1-0.10.0-rc.1` is `sha-1` and `0.10.0-rc.1`: the version begins at the first number with a dot behind it.
fn split_version(folder: &str) -> Option<(&str, &str)> {
    folder.match_indices('-').find_map(|(at, _)| {
        let version = &folder[at + 1..];
        let after = version.trim_start_matches(|c: char| c.is_ascii_digit());
        (after.len() < version.len() && after.starts_with('.')).then(|| (&folder[..at], version))
    })
}

const OWN: &str = "tower_monitor";

/// Crates that are found under most services, for frames whose file is not known.
const LIBRARIES: &[&str] = &[
    "std",
    "core",
    "alloc",
    "__rustc",
    "test",
    "anyhow",
    "axum",
    "axum_core",
    "axum_extra",
    "backtrace",
    "bytes",
    "eyre",
    "futures_channel",
    "futures_core",
    "futures_executor",
    "futures_util",
    "h2",
    "hashbrown",
    "http",
    "http_body",
    "http_body_util",
    "hyper",
    "hyper_util",
    "log",
    "matchit",
    "mio",
    "serde",
    "serde_core",
    "serde_json",
    "tokio",
    "tokio_stream",
    "tokio_util",
    "tonic",
    "tower",
    "tower_http",
    "tower_layer",
    "tower_service",
    "tracing",
    "tracing_core",
    "tracing_subscriber",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_decides_then_the_name() {
        const REGISTRY: &str = "/cargo/registry/src/index-1949cf8c6b5b557f";
        let axum = format!("{REGISTRY}/axum-0.8.9/src/handler/mod.rs");
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guard.rs");
        for (file, function, app) in [
            (Some("src/cart.rs"), Some("shop::cart::add"), true),
            (
                Some("src/cart.rs"),
                Some("<axum::Json<T> as shop::Check>::check"),
                true,
            ),
            (Some("src/cart.rs"), None, true),
            (Some(axum.as_str()), Some("shop::cart::add"), false),
            // Vendored where no rule of paths knows it.
            (
                Some("/nix/store/axum/src/lib.rs"),
                Some("axum::serve"),
                false,
            ),
            (
                Some("src/middleware/future.rs"),
                Some("tower_monitor::spawn"),
                false,
            ),
            (
                Some("src/a.rs"),
                Some("<tower_monitor::Body<B> as http_body::Body>::poll_frame"),
                false,
            ),
            (
                Some("src/a.rs"),
                Some("tower_monitor_shop::cart::add"),
                true,
            ),
            (Some(own), Some("guarded"), false),
            (Some("/srv/shop/src/guard.rs"), Some("guarded"), true),
            (Some("./nptl/pthread_create.c"), Some("start_thread"), false),
            (None, Some("shop::cart::add"), true),
            (None, Some("<shop::Cart as core::fmt::Debug>::fmt"), true),
            (
                None,
                Some("<F as axum::handler::Handler<((),),S>>::call"),
                false,
            ),
            (
                None,
                Some("<core::pin::Pin<P> as core::future::future::Future>::poll"),
                false,
            ),
            (None, Some("main"), false),
            (None, Some("clone3"), false),
            (None, None, false),
        ] {
            let frame = Frame {
                file: file.map(str::to_owned),
                function: function.map(str::to_owned),
                ..Frame::default()
            };
            assert_eq!(is_in_app(&frame), app, "{frame:?}");
        }
    }

    #[test]
    fn the_stack_settles_what_a_frame_cannot_tell() {
        let frame = |file: Option<&str>, in_app| Frame {
            file: file.map(str::to_owned),
            in_app,
            ..Frame::default()
        };
        let settled = |mut frames: Vec<Frame>| {
            settle(&mut frames);
            frames.iter().map(|frame| frame.in_app).collect::<Vec<_>>()
        };
        let app = frame(Some("src/cart.rs"), true);
        let (symbol, foreign) = (frame(None, true), frame(None, false));
        assert_eq!(settled(vec![symbol.clone(), app]), [false, true]);
        assert_eq!(settled(vec![symbol, foreign.clone()]), [true, false]);
        assert_eq!(settled(vec![foreign.clone(), foreign]), [true, true]);
    }

    #[test]
    fn a_registrys_folder_names_crate_and_version() {
        let path = |folder: &str| {
            format!("/cargo/registry/src/index-1949cf8c6b5b557f/{folder}/src/lib.rs")
        };
        for (folder, found) in [
            ("axum-0.8.9", Some(("axum", "0.8.9"))),
            ("sha-1-0.10.0-rc.1", Some(("sha-1", "0.10.0-rc.1"))),
            (
                "tower-http-0.7.1+local",
                Some(("tower-http", "0.7.1+local")),
            ),
            ("nameless", None),
        ] {
            assert_eq!(registry_crate(&path(folder)), found);
        }
        assert_eq!(registry_crate("src/main.rs"), None);
    }
}
