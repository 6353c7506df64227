//! A log file rotates, is found again and loses nothing in silence.

use super::*;
use crate::audit::Audit;
use crate::audit::sample::Folder;

/// 2026-11-22T09:38:59.012Z
const NOON: Timestamp = Timestamp::from_unix_micros(1_795_340_339_012_345);
const DAY: Duration = Duration::from_secs(86_400);
const HURRY: Pace = Pace {
    check: Duration::ZERO,
    retry: Duration::ZERO,
    rotate_again: Duration::ZERO,
    ..Pace::NORMAL
};

fn open(path: &Path, audit: &Audit) -> LogFile {
    LogFile::open(path, &audit.file, HURRY).unwrap()
}

/// Writes a line as the writer does; how many were lost.
fn put(file: &mut LogFile, time: Timestamp, line: &str) -> u64 {
    if file.is_due(time, 0, line.len()) {
        file.rotate(time);
    }
    file.append(line.as_bytes(), 1)
}

#[test]
fn it_rotates_before_it_is_too_large() {
    let folder = Folder::new();
    let mut file = open(&folder.path("a"), &Audit::tracing().max_bytes(10));
    for line in [
        "1234\n",
        "6789\n",
        "next\n",
        "a line that is too large\n",
        "last\n",
    ] {
        assert_eq!(put(&mut file, NOON, line), 0);
    }
    assert_eq!(folder.read("a"), "last\n");
    let name = "a.2026-11-22T093859.012Z";
    assert_eq!(folder.read(name), "1234\n6789\n");
    assert_eq!(folder.read(&format!("{name}-1")), "next\n");
    assert_eq!(
        folder.read(&format!("{name}-2")),
        "a line that is too large\n"
    );
}

#[test]
fn pending_lines_count_as_written() {
    let folder = Folder::new();
    let mut file = open(&folder.path("a"), &Audit::tracing().max_bytes(10));
    assert!(!file.is_due(NOON, 5, 5));
    assert!(file.is_due(NOON, 6, 5));
    assert!(!file.is_due(NOON, 0, 11), "an empty file is not rotated");
}

#[test]
fn each_day_has_its_file() {
    let folder = Folder::new();
    let mut file = open(&folder.path("a"), &Audit::tracing());
    let evening = NOON.after(DAY / 2);
    put(&mut file, NOON, "noon\n");
    put(&mut file, evening, "evening\n");
    put(&mut file, NOON.after(DAY), "next day\n");
    put(&mut file, evening, "late\n");
    assert_eq!(folder.read("a"), "next day\nlate\n");
    assert_eq!(folder.read("a.2026-11-23T093859.012Z"), "noon\nevening\n");

    let mut file = open(&folder.path("b"), &Audit::tracing().rotate_daily(false));
    put(&mut file, NOON, "noon\n");
    put(&mut file, NOON.after(DAY), "next day\n");
    assert_eq!(folder.read("b"), "noon\nnext day\n");
}

#[test]
fn a_clock_that_was_set_back_does_not_stop_the_rotation() {
    let folder = Folder::new();
    let mut file = open(&folder.path("a"), &Audit::tracing());
    put(&mut file, NOON.after(DAY * 1000), "future\n");
    put(&mut file, NOON, "now\n");
    put(&mut file, NOON.after(DAY), "tomorrow\n");
    assert_eq!(folder.read("a"), "tomorrow\n");
}

#[test]
fn an_existing_file_is_continued_with_its_size_and_day() {
    let folder = Folder::new();
    let path = folder.path("a");
    folder.write("a", "123456\n");
    let mut file = open(&path, &Audit::tracing().max_bytes(10));
    assert!(file.is_due(Timestamp::now(), 0, 4));
    drop(file);
    let yesterday = std::time::SystemTime::now() - DAY;
    File::options()
        .append(true)
        .open(&path)
        .unwrap()
        .set_modified(yesterday)
        .unwrap();
    let mut file = open(&path, &Audit::tracing());
    assert_eq!(put(&mut file, Timestamp::now(), "today\n"), 0);
    assert_eq!(folder.read("a"), "today\n");
    assert_eq!(folder.names().len(), 2);
}

#[test]
fn half_a_line_of_a_killed_process_does_not_spoil_the_next() {
    let folder = Folder::new();
    folder.write("a", "whole\nhal");
    let mut file = open(&folder.path("a"), &Audit::tracing());
    put(&mut file, Timestamp::now(), "next\n");
    put(&mut file, Timestamp::now(), "next\n");
    assert_eq!(folder.read("a"), "whole\nhal\nnext\nnext\n");
}

#[test]
fn a_file_that_was_moved_deleted_or_emptied_is_begun_anew() {
    let folder = Folder::new();
    let path = folder.path("a");
    let mut file = open(&path, &Audit::tracing().max_bytes(12).rotate_daily(false));
    put(&mut file, NOON, "one\n");
    std::fs::rename(&path, folder.path("moved")).unwrap();
    assert_eq!(put(&mut file, NOON, "two\n"), 0);
    assert_eq!(
        (folder.read("moved"), folder.read("a")),
        ("one\n".into(), "two\n".into())
    );
    std::fs::remove_file(&path).unwrap();
    put(&mut file, NOON, "three\n");
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    put(&mut file, NOON, "four\n");
    put(&mut file, NOON, "five\n");
    assert_eq!(folder.read("a"), "four\nfive\n");
    assert_eq!(folder.names().len(), 2, "no rotation");
}

#[cfg(unix)]
#[test]
fn a_new_file_is_not_for_everybody() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let path = folder.path("new/folder/a");
    let mut file = open(&path, &Audit::tracing().max_bytes(10));
    for _ in 0..2 {
        put(&mut file, NOON, "a line\n");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & !0o640, 0, "{mode:o}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let folder = Folder::new();
    std::os::unix::fs::symlink(folder.path("real"), folder.path("link")).unwrap();
    let mut file = open(&folder.path("link"), &Audit::tracing().max_bytes(10));
    put(&mut file, NOON, "12345678\n");
    put(&mut file, NOON, "next\n");
    assert_eq!(
        folder.names(),
        ["link", "real", "real.2026-11-22T093859.012Z"]
    );
    assert_eq!(folder.read("link"), "next\n");
}

#[test]
fn a_place_that_refuses_costs_what_is_counted_and_recovers() {
    let folder = Folder::new();
    let path = folder.path("logs/a");
    let mut file = open(&path, &Audit::tracing());
    assert_eq!(put(&mut file, NOON, "one\n"), 0);
    std::fs::remove_dir_all(folder.path("logs")).unwrap();
    folder.write("logs", "a file in the way");
    assert_eq!(file.append(b"two\nthree\n", 2), 2);
    assert_eq!(put(&mut file, NOON, "four\n"), 1);
    std::fs::remove_file(folder.path("logs")).unwrap();
    assert_eq!(put(&mut file, NOON, "five\n"), 0);
    assert_eq!(folder.read("logs/a"), "five\n");
}

#[test]
fn what_refuses_is_left_alone_for_a_while() {
    let folder = Folder::new();
    let pace = Pace {
        retry: DAY,
        ..HURRY
    };
    let mut file = LogFile::open(&folder.path("logs/a"), &Audit::tracing().file, pace).unwrap();
    std::fs::remove_dir_all(folder.path("logs")).unwrap();
    folder.write("logs", "");
    assert_eq!(put(&mut file, NOON, "one\n"), 1);
    std::fs::remove_file(folder.path("logs")).unwrap();
    assert_eq!(
        put(&mut file, NOON, "two\n"),
        1,
        "not before a day has passed"
    );
}

#[test]
fn a_rotation_that_fails_loses_nothing() {
    let folder = Folder::new();
    let long = "a".repeat(250);
    // The name of the rotated file is too long for the file system.
    let mut file = open(&folder.path(&long), &Audit::tracing().max_bytes(10));
    for _ in 0..3 {
        assert_eq!(put(&mut file, NOON, "12345678\n"), 0);
    }
    assert_eq!(folder.read(&long), "12345678\n".repeat(3));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_counted() {
    let mut file = open(Path::new("/dev/full"), &Audit::tracing().max_bytes(10));
    assert_eq!(put(&mut file, NOON, "one and more\n"), 1);
    assert_eq!(file.append(b"two\nthree\n", 2), 2);
    assert!(
        !file.is_due(NOON.after(DAY), 100, 100),
        "a device is not rotated"
    );
}

/// A disk with room for some bytes.
struct Room(Vec<u8>, usize);

impl Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match (self.1 - self.0.len()).min(bytes.len()) {
            0 => Err(ErrorKind::StorageFull.into()),
            // Never more than three at once: interrupted and short writes are ordinary.
            room => self.0.write(&bytes[..room.min(3)]),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_made_it_before_the_disk_was_full_is_known() {
    let mut disk = Room(Vec::new(), 10);
    let (written, result) = write_counted(&mut disk, b"1234\n6789\nabcd\n");
    assert_eq!(
        (written, result.unwrap_err().kind()),
        (10, ErrorKind::StorageFull)
    );
    assert!(
        write_counted(&mut Room(Vec::new(), 15), b"1234\n6789\nabcd\n")
            .1
            .is_ok()
    );
}

#[test]
fn of_a_batch_that_was_broken_off_whole_lines_stay() {
    let folder = Folder::new();
    for (written, kept) in [("next\nhal", 5), ("hal", 0), ("next\n", 5), ("", 0)] {
        folder.write("a", &format!("whole\n{written}"));
        let mut open = Open::at(&folder.path("a")).unwrap();
        assert_eq!(open.mend(written.as_bytes()), kept);
        assert_eq!(folder.read("a"), format!("whole\n{}", &written[..kept]));
        assert!(!open.torn);
        open.regular = false;
        open.mend(b"hal");
        assert!(open.torn, "what can not be cut is remembered");
    }
}

#[test]
fn half_a_line_is_cut_off_again() {
    let folder = Folder::new();
    folder.write("a", "whole\nhal");
    let file = File::options().append(true).open(folder.path("a")).unwrap();
    cut_end(&file, 3).unwrap();
    assert_eq!(folder.read("a"), "whole\n");
    cut_end(&file, 100).unwrap();
    assert_eq!(folder.read("a"), "");
}
