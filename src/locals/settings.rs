//! What of the app's variables is read, and how much.

use std::time::Duration;

use super::excluded::{Excluded, is_path};

/// How arguments and locals are read: what [`Builder::locals`](crate::Builder::locals) takes.
///
/// ```
/// use std::time::Duration;
/// use tower_monitor::{Monitor, locals::Locals};
///
/// let monitor = Monitor::builder()
///     .locals(
///         Locals::new()
///             .exclude_paths(["shop::vault"])
///             .exclude_types(["shop::CardNumber"])
///             .deadline(Duration::from_millis(5)),
///     )
///     .build()?;
/// # Ok::<_, tower_monitor::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Locals {
    pub(super) limits: Limits,
    pub(super) excluded: Excluded,
    pub(super) errors_per_second: u32,
}

/// How much is read of one failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) frames: usize,
    /// The same, of an error.
    pub(super) error_frames: usize,
    pub(super) variables: usize,
    pub(super) depth: usize,
    pub(super) items: usize,
    pub(super) text: usize,
    pub(super) bytes: usize,
    pub(super) deadline: Duration,
}

impl Locals {
    /// Everything at its default.
    pub fn new() -> Self {
        Self {
            limits: Limits {
                frames: DEFAULT_FRAMES,
                error_frames: DEFAULT_ERROR_FRAMES,
                variables: DEFAULT_VARIABLES,
                depth: DEFAULT_DEPTH,
                items: DEFAULT_ITEMS,
                text: DEFAULT_TEXT,
                bytes: DEFAULT_BYTES,
                deadline: DEFAULT_DEADLINE,
            },
            excluded: Excluded::default(),
            errors_per_second: DEFAULT_ERRORS_PER_SECOND,
        }
    }

    /// Of how many of the app's calls, innermost first, when it panics: 1 to 64. Default: [`DEFAULT_FRAMES`].
    pub fn frames(mut self, count: usize) -> Self {
        self.limits.frames = count;
        self
    }

    /// Of how many of the app's calls, innermost first, when `?` makes a [`ServerError`](crate::ServerError) or an error is captured: 1 to 64.
    /// The first is the function whose `?` it is. An error may be ordinary, and each call more makes it slower. Default:
    /// [`DEFAULT_ERROR_FRAMES`].
    pub fn error_frames(mut self, count: usize) -> Self {
        self.limits.error_frames = count;
        self
    }

    /// How many arguments and locals of one call: 1 to 256. Default: [`DEFAULT_VARIABLES`].
    pub fn variables(mut self, count: usize) -> Self {
        self.limits.variables = count;
        self
    }

    /// How deep values within values are shown: 1 to 16. Default: [`DEFAULT_DEPTH`].
    pub fn depth(mut self, levels: usize) -> Self {
        self.limits.depth = levels;
        self
    }

    /// How many items of a list or entries of a map: 1 to 1,000. Of a struct 32 fields are shown, and of one variable 200 values in all, or as
    /// many as this if it is more. Default: [`DEFAULT_ITEMS`].
    pub fn items(mut self, count: usize) -> Self {
        self.limits.items = count;
        self
    }

    /// How many bytes of one text, 1 to 64 KiB; it ends at the last character that is whole. Default: [`DEFAULT_TEXT`].
    pub fn text(mut self, bytes: usize) -> Self {
        self.limits.text = bytes;
        self
    }

    /// How many bytes of memory are read of one failure in all: 1 KiB to 16 MiB. Default: [`DEFAULT_BYTES`].
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// How long a thread that panics is held at most: 100 µs to 1 s. What was not read until then is said to be missing.
    /// Default: [`DEFAULT_DEADLINE`].
    ///
    /// An error at `?` may be ordinary, and holds its thread for a twentieth of it at most, by default 1 ms; where nothing failed yet,
    /// so that it has to be learnt where the variables are, for a quarter, by default 5 ms.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.limits.deadline = limit;
        self
    }

    /// Of how many errors a second variables are read, when `?` makes a [`ServerError`](crate::ServerError) or an error is captured: each
    /// place in the code has its first ones read, then ever fewer. Panics do not count. 0 reads none. Default:
    /// [`DEFAULT_ERRORS_PER_SECOND`].
    pub fn errors_per_second(mut self, count: u32) -> Self {
        self.errors_per_second = count;
        self
    }

    /// Crates, modules, types and functions whose variables are not read: `vault` is the crate, `shop::vault` the module and everything in it,
    /// `shop::login::check` the function. So are methods of types and traits from there, wherever they are written, and what futures and
    /// closures from there keep. The path is that of the place in the source, not of a re-export. Default: none.
    pub fn exclude_paths<I>(mut self, paths: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.excluded
            .paths
            .extend(paths.into_iter().map(Into::into));
        self
    }

    /// Types of which nothing is shown, wherever they stand: by name, `CardNumber`, or by name and a module that it is in,
    /// `shop::CardNumber` for `shop::cards::CardNumber` as well. Type parameters are left out: `Vault` means each `Vault<T>`. Default: none, beside those that are made for secrets, such as
    /// [`Secret`](crate::redact::Secret), `SecretString`, `SecretBox` and `Zeroizing`.
    pub fn exclude_types<I>(mut self, types: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.excluded
            .types
            .extend(types.into_iter().map(Into::into));
        self
    }

    /// Variables and fields that are not read, by their whole name. Default: none, beside
    /// [those that are never kept](crate::redact::SENSITIVE_NAMES).
    pub fn exclude_names<I>(mut self, names: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.excluded
            .names
            .extend(names.into_iter().map(Into::into));
        self
    }

    /// The first setting that is not the same.
    pub(super) fn differs_from(&self, other: &Self) -> Option<&'static str> {
        let (own, limits) = (&self.limits, &other.limits);
        let (names, excluded) = (&self.excluded, &other.excluded);
        let errors = self.errors_per_second != other.errors_per_second;
        let differs = [
            ("frames", own.frames != limits.frames),
            ("error_frames", own.error_frames != limits.error_frames),
            ("variables", own.variables != limits.variables),
            ("depth", own.depth != limits.depth),
            ("items", own.items != limits.items),
            ("text", own.text != limits.text),
            ("bytes", own.bytes != limits.bytes),
            ("deadline", own.deadline != limits.deadline),
            ("errors_per_second", errors),
            ("exclude_paths", names.paths != excluded.paths),
            ("exclude_types", names.types != excluded.types),
            ("exclude_names", names.names != excluded.names),
        ];
        let first = differs.into_iter().find(|(_, differs)| *differs);
        first.map(|(name, _)| name)
    }

    /// What is wrong, and what to write instead.
    pub(super) fn check(&self) -> Result<(), (String, &'static str)> {
        let limits = &self.limits;
        for (name, value, range, remedy) in [
            ("frames", limits.frames, 1..=64, "set 1 to 64"),
            ("error_frames", limits.error_frames, 1..=64, "set 1 to 64"),
            ("variables", limits.variables, 1..=256, "set 1 to 256"),
            ("depth", limits.depth, 1..=16, "set 1 to 16"),
            ("items", limits.items, 1..=1_000, "set 1 to 1,000"),
            ("text", limits.text, 1..=64 * 1024, "set 1 to 65,536 bytes"),
            (
                "bytes",
                limits.bytes,
                1024..=16 * 1024 * 1024,
                "set 1 KiB to 16 MiB",
            ),
        ] {
            if !range.contains(&value) {
                return Err((format!("`{name}` cannot be {value}"), remedy));
            }
        }
        let range = Duration::from_micros(100)..=Duration::from_secs(1);
        if !range.contains(&limits.deadline) {
            let problem = format!("`deadline` cannot be {:?}", limits.deadline);
            return Err((problem, "set 100 µs to 1 s, or leave it out"));
        }
        let excluded = &self.excluded;
        for (setting, all) in [
            ("exclude_paths", &excluded.paths),
            ("exclude_types", &excluded.types),
        ] {
            if let Some(wrong) = all.iter().find(|it| !is_path(it)) {
                let problem = format!("`{setting}` has `{wrong}`, which nothing can be called");
                let remedy = "write the path from the name of the crate on, `my_shop::vault`, without generic arguments";
                return Err((problem, remedy));
            }
        }
        let is_name = |it: &&String| !is_path(it) || it.contains("::");
        if let Some(wrong) = excluded.names.iter().find(is_name) {
            let problem =
                format!("`exclude_names` has `{wrong}`, which no variable or field can be called");
            return Err((problem, "write the name alone, as in the source"));
        }
        Ok(())
    }
}

impl Default for Locals {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether the environment says that nothing is to be read.
pub(super) fn is_switched_off() -> bool {
    std::env::var(SWITCH).is_ok_and(|value| is_off(&value))
}

fn is_off(value: &str) -> bool {
    let value = value.trim();
    ["off", "0", "false", "no"]
        .iter()
        .any(|off| value.eq_ignore_ascii_case(off))
}

/// The environment variable that turns reading off: `off`, `0`, `false` or `no`.
pub const SWITCH: &str = "TOWER_MONITOR_LOCALS";

/// Of how many of the app's calls variables are read when it panics.
pub const DEFAULT_FRAMES: usize = 24;
/// Of how many of the app's calls variables are read of an error.
pub const DEFAULT_ERROR_FRAMES: usize = 1;
/// How many variables of one call are read.
pub const DEFAULT_VARIABLES: usize = 48;
/// How deep values within values are shown.
pub const DEFAULT_DEPTH: usize = 5;
/// How many items of a list or entries of a map are shown.
pub const DEFAULT_ITEMS: usize = 10;
/// How many bytes of one text are shown.
pub const DEFAULT_TEXT: usize = 160;
/// How many bytes of memory are read for one failure.
pub const DEFAULT_BYTES: usize = 256 * 1024;
/// How long the failing thread is held at most: 20 ms, or 500 ms in a debug build, in which the reader is slow itself.
pub const DEFAULT_DEADLINE: Duration = match cfg!(debug_assertions) {
    true => Duration::from_millis(500),
    false => Duration::from_millis(20),
};
/// Of how many errors a second variables are read.
pub const DEFAULT_ERRORS_PER_SECOND: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_can_turn_it_off() {
        assert!(
            ["off", "OFF ", "0", "false", "No"]
                .iter()
                .all(|value| is_off(value))
        );
        assert!(["", "on", "1", "true"].iter().all(|value| !is_off(value)));
    }

    #[test]
    fn each_setting_can_differ() {
        let usual = Locals::new();
        assert_eq!(usual.differs_from(&Locals::new()), None);
        for (locals, name) in [
            (Locals::new().frames(1), "frames"),
            (Locals::new().error_frames(2), "error_frames"),
            (Locals::new().variables(1), "variables"),
            (Locals::new().depth(1), "depth"),
            (Locals::new().items(1), "items"),
            (Locals::new().text(1), "text"),
            (Locals::new().bytes(2048), "bytes"),
            (Locals::new().deadline(Duration::from_millis(1)), "deadline"),
            (Locals::new().errors_per_second(1), "errors_per_second"),
            (Locals::new().exclude_paths(["vault"]), "exclude_paths"),
            (Locals::new().exclude_types(["Vault"]), "exclude_types"),
            (Locals::new().exclude_names(["pin"]), "exclude_names"),
        ] {
            assert_eq!(locals.differs_from(&usual), Some(name));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        assert_eq!(Locals::new().check(), Ok(()));
        for (locals, word) in [
            (Locals::new().frames(0), "`frames`"),
            (Locals::new().error_frames(65), "`error_frames`"),
            (Locals::new().variables(257), "`variables`"),
            (Locals::new().depth(17), "`depth`"),
            (Locals::new().items(0), "`items`"),
            (Locals::new().text(1 << 20), "`text`"),
            (Locals::new().bytes(10), "`bytes`"),
            (Locals::new().deadline(Duration::ZERO), "`deadline`"),
            (Locals::new().exclude_names([" "]), "`exclude_names`"),
            (Locals::new().exclude_names(["card.pin"]), "`card.pin`"),
            (
                Locals::new().exclude_paths(["my-shop::vault"]),
                "`my-shop::vault`",
            ),
            (
                Locals::new().exclude_paths(["crate::vault"]),
                "`crate::vault`",
            ),
            (Locals::new().exclude_types(["Vault<T>"]), "`exclude_types`"),
        ] {
            let (problem, remedy) = locals.check().unwrap_err();
            assert!(problem.contains(word) && !remedy.is_empty(), "{problem}");
        }
    }
}
