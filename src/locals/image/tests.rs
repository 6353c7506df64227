//! What is and what is no image.

use std::fs;

use super::*;

fn refused(path: &Path) -> Option<Missing> {
    Image::open(path, 0).err()
}

#[test]
fn what_is_no_program_of_this_machine_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    assert_eq!(refused(&file), Some(Missing::Unavailable), "not there");
    assert_eq!(refused(folder.path()), Some(Missing::Unavailable));
    for bytes in [&b""[..], b"#!/bin/sh\n", b"\x7fELF", &[0x7f; 4096]] {
        fs::write(&file, bytes).unwrap();
        assert_eq!(refused(&file), Some(Missing::Unavailable), "{bytes:?}");
    }
    // A program for 32 bits: the class is the fifth byte.
    let mut own = fs::read("/proc/self/exe").unwrap();
    own.truncate(100_000);
    own[4] = 1;
    let narrow = folder.path().join("narrow");
    fs::write(&narrow, own).unwrap();
    assert_eq!(refused(&narrow), Some(Missing::Unavailable));
}

#[test]
fn an_address_of_code_is_told_from_others() {
    let image = Image::open("/proc/self/exe".as_ref(), 0x1000_0000).unwrap();
    let (code, bytes) = image.code[0].clone();
    assert!(!bytes.is_empty());
    assert_eq!(
        image.own_address(code.start + 0x1000_0000),
        Some(code.start)
    );
    assert_eq!(image.own_address(code.start), None, "the bias is missing");
    assert_eq!(image.own_address(code.end + 0x1000_0000), None);
    assert_eq!(image.own_address(0), None);
    let part = image.code(&(code.start + 1..code.start + 4));
    assert_eq!(part, Some(&bytes[1..4]));
    assert_eq!(image.code(&(code.start..u64::MAX)), None);
}

#[test]
fn a_file_that_was_written_over_is_told_from_one_that_was_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.dwp");
    fs::write(&file, [1; 9000]).unwrap();
    let mapped = Mapped::new(&file).unwrap();
    assert_eq!((mapped.bytes.len(), mapped.is_as_it_was()), (9000, true));
    let other = folder.path().join("new.dwp");
    fs::write(&other, [2; 4]).unwrap();
    fs::rename(&other, &file).unwrap();
    assert!(mapped.is_as_it_was());

    let mapped = Mapped::new(&file).unwrap();
    fs::write(&file, [3; 2]).unwrap();
    assert!(!mapped.is_as_it_was());
}

#[test]
fn split_files_lie_beside_what_a_link_leads_to() {
    let own = std::env::current_exe().unwrap();
    assert_eq!(resolved("/proc/self/exe".as_ref()), own);
    assert_eq!(resolved(&own), own);
}
