//! The program and the libraries that are loaded: which file an address of code belongs to.
#![cfg_attr(
    all(target_os = "linux", target_pointer_width = "64"),
    expect(unsafe_code, reason = "the loader speaks C")
)]

use std::ops::Range;
use std::path::{Path, PathBuf};

/// A file that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// Where it can be read. That of the program is `/proc/self/exe`, which stays what runs even when the file is replaced.
    pub(super) path: PathBuf,
    /// What is added to its own addresses.
    pub(super) bias: u64,
    /// Its segments, as loaded.
    pub(super) ranges: Vec<Range<u64>>,
}

/// All of them. Asking the loader may wait for its lock: not for hooks.
#[derive(Debug, Default)]
pub(super) struct Modules {
    modules: Vec<Module>,
    changes: Option<(u64, u64)>,
}

impl Modules {
    /// The one whose code or data lies there, as far as it was loaded by the last [`refresh`](Self::refresh).
    pub(super) fn find(&self, address: u64) -> Option<&Module> {
        self.modules
            .iter()
            .find(|module| module.ranges.iter().any(|range| range.contains(&address)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Module> {
        self.modules.iter()
    }

    /// Whether anything was loaded or unloaded since the last [`refresh`](Self::refresh).
    pub(super) fn have_changed(&self) -> bool {
        let changes = loader::changes();
        changes.is_some() && changes != self.changes
    }

    /// How much was unloaded until then.
    pub(super) fn unloaded(&self) -> Option<u64> {
        self.changes.map(|(_, unloaded)| unloaded)
    }

    /// Asks the loader again; whether anything was loaded or unloaded since.
    pub(super) fn refresh(&mut self) -> bool {
        let changes = loader::changes();
        if changes.is_some() && changes == self.changes {
            return false;
        }
        self.modules = loader::list();
        self.changes = changes;
        true
    }
}

impl Module {
    /// Whether it is the program itself.
    pub(super) fn is_program(&self) -> bool {
        self.path == Path::new(PROGRAM)
    }
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod loader {
    use std::ffi::{CStr, OsStr, c_int, c_void};
    use std::mem::offset_of;
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;
    use std::ptr::from_mut;

    use super::{Module, PROGRAM};

    pub(super) fn list() -> Vec<Module> {
        let mut modules: Vec<Module> = Vec::new();
        each_object(&mut |object, _| {
            let path = match object.name {
                // The program has no name, and it comes first; so has the kernel's part on some systems.
                [] if modules.is_empty() => PathBuf::from(PROGRAM),
                [] => PathBuf::new(),
                name => PathBuf::from(OsStr::from_bytes(name)),
            };
            let bias = object.bias;
            let segments = |kind| {
                object
                    .headers
                    .iter()
                    .filter(move |header| header.p_type == kind)
            };
            let range = |header: &libc::Elf64_Phdr| {
                let begin = bias.wrapping_add(header.p_vaddr);
                begin..begin.saturating_add(header.p_memsz)
            };
            modules.push(Module {
                path,
                bias,
                ranges: segments(libc::PT_LOAD).map(range).collect(),
            });
            true
        });
        modules
    }

    /// How much was ever loaded and unloaded, where that is counted.
    pub(super) fn changes() -> Option<(u64, u64)> {
        let mut changes = None;
        each_object(&mut |_, now| {
            changes = now;
            false
        });
        changes
    }

    struct Object<'a> {
        name: &'a [u8],
        bias: u64,
        headers: &'a [libc::Elf64_Phdr],
    }

    /// Gets an object and the numbers of what was loaded and unloaded; says whether it wants another.
    type Each<'a> = &'a mut dyn FnMut(Object<'_>, Option<(u64, u64)>) -> bool;

    fn each_object(mut each: Each<'_>) {
        // SAFETY: `visit` is what is asked for, and gets what it expects, which lives until the call is over.
        unsafe { libc::dl_iterate_phdr(Some(visit), from_mut(&mut each).cast()) };
    }

    unsafe extern "C" fn visit(
        info: *mut libc::dl_phdr_info,
        size: usize,
        argument: *mut c_void,
    ) -> c_int {
        // SAFETY: the loader tells the truth about an object that is loaded, whose name and headers live during the call.
        // `argument` is what `each_object` gave, which nobody else uses meanwhile.
        let (each, info, name, headers) = unsafe {
            let info = &*info;
            let headers = match info.dlpi_phdr.is_null() {
                true => &[],
                false => std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()),
            };
            let name = match info.dlpi_name.is_null() {
                true => c"",
                false => CStr::from_ptr(info.dlpi_name),
            };
            (&mut *argument.cast::<Each<'_>>(), info, name, headers)
        };
        // Loaders of long ago do not count.
        let counted = offset_of!(libc::dl_phdr_info, dlpi_subs) + size_of_val(&info.dlpi_subs);
        let changes = (size >= counted).then_some((info.dlpi_adds, info.dlpi_subs));
        let object = Object {
            name: name.to_bytes(),
            bias: info.dlpi_addr,
            headers,
        };
        c_int::from(!each(object, changes))
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
mod loader {
    pub(super) fn list() -> Vec<super::Module> {
        Vec::new()
    }

    pub(super) fn changes() -> Option<(u64, u64)> {
        None
    }
}

const PROGRAM: &str = "/proc/self/exe";

#[cfg(test)]
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn loaded() -> Modules {
        let mut modules = Modules::default();
        modules.refresh();
        modules
    }

    #[test]
    fn code_is_found_in_the_file_it_was_loaded_from() {
        let modules = loaded();
        let here = loaded as fn() -> Modules as usize as u64;
        let program = modules.find(here).unwrap();
        assert!(program.is_program());
        assert!((here - program.bias) < here, "it is loaded anywhere");
        let end = program.ranges.iter().map(|range| range.end).max().unwrap();
        assert!((here - program.bias) < end - program.bias);
        let file = std::fs::metadata(&program.path).unwrap();
        let own = std::fs::metadata(std::env::current_exe().unwrap()).unwrap();
        assert_eq!((file.dev(), file.ino()), (own.dev(), own.ino()));

        let libc = modules.find(libc::getenv as *const () as u64).unwrap();
        assert!(!libc.is_program() && libc.path.exists(), "{libc:?}");
        assert_eq!(
            modules.iter().filter(|module| module.is_program()).count(),
            1
        );
        let local = 0u8;
        assert_eq!(modules.find((&raw const local).addr() as u64), None);
    }

    #[test]
    fn what_is_loaded_later_is_found_after_a_refresh() {
        let mut modules = loaded();
        assert!(!modules.refresh(), "nothing has changed");
        // SAFETY: the C library's own name for it; loading the library runs nothing but its constructors.
        let library = unsafe { libc::dlopen(c"libutil.so.1".as_ptr(), libc::RTLD_NOW) };
        assert!(!library.is_null());
        assert!(modules.have_changed() && modules.refresh() && !modules.have_changed());
        let unloaded = modules.unloaded();
        let named = |modules: &Modules| {
            let mut paths = modules.iter().map(|module| module.path.clone());
            paths.any(|path| path.ends_with("libutil.so.1"))
        };
        assert!(named(&modules));
        // SAFETY: it was loaded above, and nothing of it is used.
        assert_eq!(unsafe { libc::dlclose(library) }, 0);
        assert!(modules.have_changed() && modules.refresh());
        assert!(!named(&modules) && modules.unloaded() > unloaded);
    }
}
