//! Trees of files as containers show them, and the machine that the tests run on.

use std::collections::HashMap;
use std::fs;

use tempfile::TempDir;

use super::*;

const ID: &str = "4f0c3a9d1be2776655443322110fedcba98765432100123456789abcdef01234";
const SANDBOX: &str = "aaaaaaaaaaaabbbbbbbbbbbbccccccccccccddddddddddddeeeeeeeeeeee1234";

fn tree(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("{ID}", ID).replace("{SANDBOX}", SANDBOX)).unwrap();
    }
    folder
}

fn read(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Platform {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    let folder = tree(files);
    Platform::read_from(folder.path(), |name| {
        variables.get(name).map(|value| (*value).to_owned())
    })
}

#[test]
fn a_bare_machine_has_a_system_and_no_container() {
    let bare = read(
        &[
            (
                "etc/os-release",
                "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
            ),
            ("proc/sys/kernel/osrelease", "6.1.0-37-amd64\n"),
            ("proc/self/cgroup", "0::/system.slice/shop.service\n"),
            (
                "proc/self/mountinfo",
                "25 30 0:23 / /sys rw - sysfs sysfs rw\n26 30 8:1 /backup/{ID}/data /srv/data rw - ext4 /dev/sda1 rw\n",
            ),
            (
                "sys/fs/cgroup/system.slice/shop.service/memory.max",
                "max\n",
            ),
            ("etc/hostname", "web1\n"),
        ],
        &[("HOSTNAME", "web1")],
    );
    assert_eq!(bare.os.as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
    assert_eq!(bare.kernel.as_deref(), Some("6.1.0-37-amd64"));
    assert_eq!(bare.architecture, std::env::consts::ARCH);
    assert_eq!(
        (bare.container, bare.pod, bare.namespace, bare.memory_limit),
        (None, None, None, None)
    );
}

#[test]
fn docker_is_found_by_the_name_of_its_group_in_version_1() {
    let docker = read(
        &[
            (
                "proc/self/cgroup",
                "12:cpu,cpuacct:/docker/{ID}\n11:memory:/docker/{ID}\n1:name=systemd:/docker/{ID}\n0::/\n",
            ),
            // The mount shows only the container's own group.
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"),
        ],
        &[("HOSTNAME", "web")],
    );
    assert_eq!(docker.container.as_deref(), Some(&ID[..12]));
    assert_eq!(docker.memory_limit, Some(512 << 20));
}

#[test]
fn docker_is_found_by_its_mounts_in_version_2() {
    let docker = read(
        &[
            ("proc/self/cgroup", "0::/\n"),
            (
                "proc/self/mountinfo",
                "1 2 0:5 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/{SANDBOX}/diff\n\
                 3 2 8:1 /var/lib/docker/containers/{ID}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/sda1 rw\n",
            ),
            ("sys/fs/cgroup/memory.max", "1073741824\n"),
        ],
        &[],
    );
    assert_eq!(docker.container.as_deref(), Some(&ID[..12]));
    assert_eq!(docker.memory_limit, Some(1 << 30));
}

#[test]
fn docker_without_a_trace_is_known_by_the_name_of_its_host() {
    let files: &[(&str, &str)] = &[(".dockerenv", ""), ("proc/self/cgroup", "0::/\n")];
    assert_eq!(
        read(files, &[("HOSTNAME", "4f0c3a9d1be2")])
            .container
            .as_deref(),
        Some("4f0c3a9d1be2")
    );
    assert_eq!(read(files, &[("HOSTNAME", "web")]).container, None);
    assert_eq!(
        read(&files[1..], &[("HOSTNAME", "4f0c3a9d1be2")]).container,
        None
    );
}

#[test]
fn a_pod_has_a_name_a_namespace_and_the_tightest_limit() {
    let files: &[(&str, &str)] = &[
        (
            "proc/self/cgroup",
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-{ID}.scope\n",
        ),
        (
            "var/run/secrets/kubernetes.io/serviceaccount/namespace",
            "shop",
        ),
        ("sys/fs/cgroup/kubepods.slice/memory.max", "9000000000\n"),
        (
            "sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/memory.max",
            "300000000\n",
        ),
        (
            "sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-{ID}.scope/memory.max",
            "max\n",
        ),
    ];
    let pod = read(
        files,
        &[
            ("HOSTNAME", "shop-7d9f-x2x4"),
            ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
        ],
    );
    assert_eq!(pod.container.as_deref(), Some(&ID[..12]));
    assert_eq!(
        (pod.pod.as_deref(), pod.namespace.as_deref(), pod.node),
        (Some("shop-7d9f-x2x4"), Some("shop"), None)
    );
    assert_eq!(pod.memory_limit, Some(300_000_000));

    let told = read(
        files,
        &[
            ("HOSTNAME", "node1"),
            ("POD_NAME", "shop-1"),
            ("POD_NAMESPACE", "prod"),
            ("NODE_NAME", "node1"),
        ],
    );
    assert_eq!(
        (
            told.pod.as_deref(),
            told.namespace.as_deref(),
            told.node.as_deref()
        ),
        (Some("shop-1"), Some("prod"), Some("node1"))
    );
}

#[test]
fn podman_is_found_by_its_mounts_or_by_its_own_file() {
    let mounts = "3 2 0:50 /containers/storage/overlay-containers/{ID}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw\n";
    let rootless = read(
        &[
            ("proc/self/cgroup", "0::/\n"),
            ("proc/self/mountinfo", mounts),
        ],
        &[],
    );
    assert_eq!(rootless.container.as_deref(), Some(&ID[..12]));
    let scope = read(
        &[(
            "proc/self/cgroup",
            "0::/machine.slice/libpod-{ID}.scope/container\n",
        )],
        &[],
    );
    assert_eq!(scope.container.as_deref(), Some(&ID[..12]));
    let env = "engine=\"podman-4.3.1\"\nname=\"shop\"\nid=\"{ID}\"\n";
    assert_eq!(
        read(&[("run/.containerenv", env)], &[])
            .container
            .as_deref(),
        Some(&ID[..12])
    );
    assert_eq!(
        read(&[("run/.containerenv", "name=\"shop\"\n")], &[])
            .container
            .as_deref(),
        Some("shop")
    );
    assert_eq!(read(&[("run/.containerenv", "")], &[]).container, None);
}

#[test]
fn files_that_are_strange_tell_nothing_and_do_no_harm() {
    let endless = "f".repeat(300_000);
    let strange = read(
        &[
            ("etc/os-release", "PRETTY_NAME=\"evil\u{1b}[31m\u{202e}\"\n"),
            ("proc/self/cgroup", "0::/../../outside\n11:memory\n::::\n"),
            ("proc/self/mountinfo", &endless),
            ("proc/sys/kernel/osrelease", &endless),
            ("sys/fs/cgroup/memory.max", "-1\n"),
            ("run/.containerenv", "\u{0}id=\"ää\"\n"),
            ("etc/hostname/is/a/folder", ""),
        ],
        &[
            ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
            ("POD_NAME", "a\nb"),
        ],
    );
    assert!(!strange.os.unwrap().contains(crate::text::is_forging));
    assert!(strange.kernel.unwrap().len() <= MAX_FACT);
    assert_eq!((strange.container, strange.memory_limit), (None, None));
    assert_eq!(strange.pod.as_deref(), Some("a\\nb"));
    let nothing = read(&[], &[]);
    assert_eq!(nothing.os.as_deref(), Some(std::env::consts::OS));
}

#[test]
fn the_memory_in_use_is_without_the_cache_that_can_be_dropped() {
    for (files, used, limit) in [
        (
            [
                ("proc/self/cgroup", "0::/\n"),
                ("sys/fs/cgroup/memory.current", "900\n"),
                (
                    "sys/fs/cgroup/memory.stat",
                    "anon 500\ninactive_file 300\nfile 400\n",
                ),
                ("sys/fs/cgroup/memory.max", "1000\n"),
            ],
            Some(600),
            Some(1000),
        ),
        (
            [
                ("proc/self/cgroup", "4:memory:/a/b\n0::/\n"),
                ("sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", "900\n"),
                (
                    "sys/fs/cgroup/memory/a/b/memory.stat",
                    "inactive_file 1\ntotal_inactive_file 200\n",
                ),
                (
                    "sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                    "9223372036854771712\n",
                ),
            ],
            Some(700),
            None,
        ),
    ] {
        let folder = tree(&files);
        let root = Root::new(folder.path());
        let memory = cgroup::Memory::find(&root).unwrap();
        assert_eq!((memory.used(&root), memory.limit), (used, limit));
    }
}

#[test]
fn this_build_knows_its_compiler() {
    let own = Platform::read();
    assert!(
        own.rustc
            .as_deref()
            .is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    );
    assert!(own.profile.is_some() && own.opt_level.is_some());
    assert!(own.cpus.is_some_and(|cpus| cpus > 0));
    assert!(serde_json::to_value(&own).unwrap()["architecture"].is_string());
}

#[test]
fn vitals_are_written_with_their_units() {
    let vitals = Vitals {
        uptime: std::time::Duration::from_millis(61_500),
        resident_memory: Some(4096),
        load: Some([0.5, 0.25, 0.0]),
        ..Vitals::default()
    };
    assert_eq!(
        serde_json::to_value(&vitals).unwrap(),
        serde_json::json!({"uptime_seconds": 61, "resident_memory": 4096, "load": [0.5, 0.25, 0.0]})
    );
}

#[cfg(target_os = "linux")]
#[test]
fn this_process_has_memory_threads_and_an_age() {
    let first = Vitals::read();
    assert!(
        first
            .resident_memory
            .is_some_and(|bytes| bytes > 100 * 1024)
    );
    assert!(first.threads.is_some_and(|threads| threads > 0));
    assert!(first.load.is_some());
    assert!(first.uptime < std::time::Duration::from_secs(24 * 3600));
    let second = Vitals::read();
    assert!(second.uptime >= first.uptime);
}
