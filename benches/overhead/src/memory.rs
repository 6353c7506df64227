//! The process's resident memory, as Linux tells it.

/// Now, in bytes.
pub fn resident() -> u64 {
    status("VmRSS:")
}

/// The most there ever was, in bytes.
pub fn peak() -> u64 {
    status("VmHWM:")
}

pub const MIB: f64 = 1024.0 * 1024.0;

fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("memory is measured on Linux");
    let kib: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .expect("a figure in KiB");
    kib * 1024
}
