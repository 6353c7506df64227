//! The memory of the control group that the process is in, of either version (cgroups(7)).

use std::path::PathBuf;

use super::files::Root;

/// Where the group's files are.
#[derive(Debug)]
pub(super) struct Memory {
    version: &'static Version,
    /// The group's own folder and those of its parents, from the inside, without a leading slash.
    folders: Vec<PathBuf>,
    /// The tightest limit in bytes, for a parent's limit holds as well.
    pub(super) limit: Option<u64>,
}

#[derive(Debug)]
struct Version {
    mount: &'static str,
    limit: &'static str,
    used: &'static str,
    /// The line of `memory.stat` with the file cache that can be dropped at any time.
    cache: &'static str,
}

impl Memory {
    pub(super) fn find(root: &Root<'_>) -> Option<Self> {
        let groups = root.head("proc/self/cgroup")?;
        // Where both versions are mounted, the first one has the memory.
        let (version, group) = groups
            .lines()
            .find_map(|line| {
                let mut fields = line.splitn(3, ':').skip(1);
                let controllers = fields.next()?;
                let memory = controllers
                    .split(',')
                    .any(|controller| controller == "memory");
                memory.then_some((&FIRST, fields.next()?))
            })
            .or_else(|| {
                Some((
                    &SECOND,
                    groups.lines().find_map(|line| line.strip_prefix("0::"))?,
                ))
            })?;
        let folders = folders(version.mount, group);
        let limit = folders
            .iter()
            .filter_map(|folder| root.number(folder.join(version.limit)))
            .filter(|limit| *limit < UNLIMITED)
            .min();
        Some(Self {
            version,
            folders,
            limit,
        })
    }

    /// The bytes that count against the limit and cannot be dropped, as Kubernetes counts its working set.
    pub(super) fn used(&self, root: &Root<'_>) -> Option<u64> {
        let mut folders = self.folders.iter();
        let (folder, used) = folders
            .find_map(|folder| Some((folder, root.number(folder.join(self.version.used))?)))?;
        let stat = root.head(folder.join("memory.stat")).unwrap_or_default();
        let cache = stat.lines().find_map(|line| {
            let value = line.strip_prefix(self.version.cache)?.strip_prefix(' ')?;
            value.parse::<u64>().ok()
        });
        Some(used.saturating_sub(cache.unwrap_or(0)))
    }
}

/// The folders from the group up to the mount. In a container the group may be named as the host sees it, while the mount shows
/// only the container's own part: then the inner folders do not exist, and the mount itself is the group.
fn folders(mount: &str, group: &str) -> Vec<PathBuf> {
    let mount = PathBuf::from(mount);
    let group = group.trim_matches('/');
    let mut folders = Vec::new();
    let names: Vec<_> = group.split('/').take(MAX_DEPTH).collect();
    if !names.contains(&"..") {
        for depth in (1..=names.len()).rev() {
            let inner: PathBuf = names[..depth].iter().collect();
            if inner.as_os_str().is_empty() {
                break;
            }
            folders.push(mount.join(inner));
        }
    }
    folders.push(mount);
    folders
}

const FIRST: Version = Version {
    mount: "sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cache: "total_inactive_file",
};

const SECOND: Version = Version {
    mount: "sys/fs/cgroup",
    limit: "memory.max",
    used: "memory.current",
    cache: "inactive_file",
};

/// Version 1 says 2^63 less a page for no limit; version 2 says `max`, which is no number.
const UNLIMITED: u64 = 1 << 62;
const MAX_DEPTH: usize = 16;
