//! Where the process runs: system, container and build, read once; memory, load and uptime, read when something went wrong.
//!
//! Everything comes out of small files below `/proc`, `/sys` and `/etc`, without a call into C. Where there are none, as on
//! macOS and Windows, the facts that need them are `None`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use self::files::Root;
pub use self::vitals::Vitals;

mod cgroup;
mod container;
mod files;
mod vitals;

/// What does not change while the process runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Platform {
    /// The operating system and its release: `Debian GNU/Linux 12 (bookworm)`. In a container, the container's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// The kernel's release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The processor's architecture, as Rust names it: `x86_64`, `aarch64`.
    pub architecture: Cow<'static, str>,
    /// The number of processors that the process may use, limits of a container included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// The container: the first 12 digits of its id, as `docker ps` and `crictl ps` show it, or else its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The pod's name in Kubernetes: `POD_NAME`, or else the name of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The pod's namespace in Kubernetes: `POD_NAMESPACE`, or else the service account's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The Kubernetes node, where `NODE_NAME` tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The memory limit of the container or service, in bytes; the tightest of its control groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<u64>,
    /// The compiler: `1.95.0 (59807616e 2026-04-14)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rustc: Option<Cow<'static, str>>,
    /// `debug` or `release`: the profile that this crate was compiled with. An app whose own profile inherits from one of
    /// the two, or that sets another for dependencies, may differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Cow<'static, str>>,
    /// The opt level that this crate was compiled with, `0` to `3`, `s` or `z`; that of the app's own code may differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_level: Option<Cow<'static, str>>,
    /// The revision of the app's source: `TOWER_MONITOR_GIT_REVISION` when it was compiled, unless it is set at run time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_revision: Option<String>,
    /// The versions of crates that matter for a request, where they can be known.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub crates: BTreeMap<String, String>,
}

impl Platform {
    /// Reads what the system tells. Some twenty small files: not for the path of a request.
    pub(crate) fn read() -> Self {
        Self::read_from(Path::new("/"), |name| std::env::var(name).ok())
    }

    /// Reads from the files below `root` and the environment `variable` tells.
    fn read_from(root: &Path, variable: impl Fn(&str) -> Option<String>) -> Self {
        let root = Root::new(root);
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty()).map(short);
        let kubernetes = container::pod(&root, &variable);
        Self {
            os: os(&root),
            kernel: root.line("proc/sys/kernel/osrelease").map(short),
            architecture: std::env::consts::ARCH.into(),
            cpus: cpus(),
            container: container::container(&root, &variable),
            pod: kubernetes.as_ref().and_then(|pod| pod.name.clone()),
            namespace: kubernetes.as_ref().and_then(|pod| pod.namespace.clone()),
            node: kubernetes.and_then(|pod| pod.node),
            memory_limit: cgroup::Memory::find(&root).and_then(|memory| memory.limit),
            rustc: option_env!("TOWER_MONITOR_BUILD_RUSTC").map(Cow::from),
            profile: option_env!("TOWER_MONITOR_BUILD_PROFILE").map(Cow::from),
            opt_level: option_env!("TOWER_MONITOR_BUILD_OPT_LEVEL").map(Cow::from),
            git_revision: option_env!("TOWER_MONITOR_GIT_REVISION")
                .filter(|revision| !revision.is_empty())
                .map(str::to_owned),
            crates: option_env!("TOWER_MONITOR_BUILD_CRATES")
                .into_iter()
                .flat_map(|crates| crates.split(','))
                .filter_map(|entry| entry.split_once(' '))
                .map(|(name, version)| (name.to_owned(), version.to_owned()))
                .collect(),
        }
    }
}

/// `PRETTY_NAME` of os-release(5), or else the family that the crate was compiled for.
fn os(root: &Root<'_>) -> Option<String> {
    let text = ["etc/os-release", "usr/lib/os-release"]
        .iter()
        .find_map(|path| root.head(path));
    let pretty = text.and_then(|text| {
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
        let value = value.trim().trim_matches(['"', '\'']).replace('\\', "");
        (!value.is_empty()).then(|| short(value))
    });
    let family = std::env::consts::OS;
    pretty.or_else(|| (!family.is_empty()).then(|| family.to_owned()))
}

fn cpus() -> Option<u32> {
    std::thread::available_parallelism()
        .ok()
        .and_then(|number| u32::try_from(number.get()).ok())
}

/// A fact on one line, for names may come out of files and variables that others wrote.
fn short(text: String) -> String {
    crate::text::one_line(crate::text::cut(&text, MAX_FACT)).into_owned()
}

const MAX_FACT: usize = 256;

#[cfg(test)]
mod tests;
