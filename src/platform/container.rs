//! The container, and the pod in Kubernetes, that the process runs in.

use super::files::Root;
use super::short;

/// What Kubernetes tells a pod of itself.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) node: Option<String>,
}

/// The container's short id, or its name where only that can be known.
pub(super) fn container(
    root: &Root<'_>,
    variable: &impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let groups = root.head("proc/self/cgroup").unwrap_or_default();
    if let Some(id) = groups.lines().find_map(long_id) {
        return Some(short_id(id));
    }
    // A container with a cgroup namespace of its own sees `0::/`, but these three files are mounted from a folder of its id.
    let mounts = root.head("proc/self/mountinfo").unwrap_or_default();
    let mounted = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(3);
        let (source, target) = (fields.next()?, fields.next()?);
        let own = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"].contains(&target);
        own.then(|| long_id(source)).flatten()
    });
    if let Some(id) = mounted {
        return Some(short_id(id));
    }
    if let Some(podman) = root.head("run/.containerenv") {
        let told = |key: &str| {
            let value = podman.lines().find_map(|line| line.strip_prefix(key))?;
            let value = value.strip_prefix('=')?.trim().trim_matches('"');
            (!value.is_empty()).then(|| value.to_owned())
        };
        if let Some(name) = told("id")
            .as_deref()
            .and_then(long_id)
            .map(short_id)
            .or_else(|| told("name").map(short))
        {
            return Some(name);
        }
    }
    // Docker names the host by the short id, unless it is told another name.
    let host = variable("HOSTNAME").or_else(|| root.line("etc/hostname"))?;
    let is_id = host.len() == SHORT_ID && host.bytes().all(is_digit);
    (is_id && root.exists(".dockerenv")).then_some(host)
}

/// The pod, when Kubernetes is around.
pub(super) fn pod(root: &Root<'_>, variable: &impl Fn(&str) -> Option<String>) -> Option<Pod> {
    let account = root
        .line("var/run/secrets/kubernetes.io/serviceaccount/namespace")
        .map(short);
    if account.is_none() && variable("KUBERNETES_SERVICE_HOST").is_none() {
        return None;
    }
    Some(Pod {
        // The three names are the custom of the downward API; the host is named as the pod.
        name: variable("POD_NAME")
            .or_else(|| variable("HOSTNAME"))
            .or_else(|| root.line("etc/hostname").map(short)),
        namespace: variable("POD_NAMESPACE").or(account),
        node: variable("NODE_NAME"),
    })
}

/// The last run of exactly 64 hexadecimal digits: `…/kubepods/burstable/pod…/cri-containerd-4f0c….scope`.
fn long_id(text: &str) -> Option<&str> {
    text.rsplit(|c: char| !c.is_ascii() || !is_digit(c as u8))
        .find(|run| run.len() == LONG_ID)
}

fn short_id(id: &str) -> String {
    id[..SHORT_ID].to_owned()
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

const LONG_ID: usize = 64;
const SHORT_ID: usize = 12;
