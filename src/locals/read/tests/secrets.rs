//! What must not be read is not, and what was read is looked through.

use std::collections::{BTreeMap, HashMap};

use crate::locals::eval::Where;
use crate::locals::read::{Limits, Reader};
use crate::locals::sample::{OwnMemory, address_of, entry_of, read, read_with, rules, units};
use crate::locals::types::Types;
use crate::redact::Secret;
use crate::stack::{Missing, Value};

const WORD: &str = "Tr0ub4dor-and-3";

/// What is read, with the parts of memory that were asked for.
fn asked<T>(value: &T) -> (String, Vec<(u64, usize)>) {
    let mut types = Types::new(rules());
    let of = types.get(units(), entry_of::<T>());
    let mut memory = OwnMemory::new();
    let mut reader = Reader::new(&mut types, units(), &mut memory, Limits::default());
    let value = reader.value(&of, &Where::Memory(address_of(value)));
    (value.to_string(), memory.asked)
}

/// Fails when a byte between the two was read.
fn untouched(asked: &[(u64, usize)], from: u64, length: u64) {
    for (start, size) in asked {
        let before = start + *size as u64 <= from;
        assert!(
            before || *start >= from + length,
            "{start:#x} of {asked:x?}"
        );
    }
}

#[expect(dead_code, reason = "the fields are read from memory")]
struct Login {
    user: u32,
    password: String,
    attempts: u8,
}

struct Hidden([u8; 8]);
struct SecretBox<T>(T);
struct DbPassword(&'static str);

#[test]
fn a_field_with_a_forbidden_name_is_not_touched() {
    let login = Login {
        user: 7,
        password: WORD.to_owned(),
        attempts: 1,
    };
    let (shown, asked) = asked(&login);
    assert_eq!(
        shown,
        "Login { user: 7, password: <redacted>, attempts: 1 }"
    );
    untouched(
        &asked,
        address_of(&login.password),
        size_of::<String>() as u64,
    );
    untouched(
        &asked,
        login.password.as_ptr().addr() as u64,
        WORD.len() as u64,
    );
}

#[test]
fn a_field_without_a_name_has_that_of_its_owner() {
    struct ApiKey(String);
    struct Label(String);
    enum Proof {
        Password(String),
        Code { digits: u8 },
    }
    let word = || WORD.to_owned();
    let (shown, asked_of) = asked(&ApiKey(word()));
    assert_eq!(shown, "ApiKey(<redacted>)");
    assert!(asked_of.is_empty());
    assert_eq!(asked(&Proof::Password(word())).0, "Password(<redacted>)");
    assert_eq!(asked(&Proof::Code { digits: 6 }).0, "Code { digits: 6 }");
    assert_eq!(asked(&Label(word())).0, format!("Label({WORD:?})"));
    let proof = Proof::Password(word());
    let length = match &proof {
        Proof::Password(word) => word.len(),
        Proof::Code { digits } => usize::from(*digits),
    };
    assert_eq!(
        (length, ApiKey(word()).0.len(), Label(word()).0.len()),
        (15, 15, 15)
    );
}

#[test]
fn nothing_in_what_has_a_forbidden_name_is_touched() {
    #[expect(dead_code, reason = "the fields are read from memory")]
    struct RefreshToken {
        issued: u32,
        raw: String,
    }
    #[expect(dead_code, reason = "the fields are read from memory")]
    enum ApiKey {
        Live(String),
        Test { value: String },
    }
    #[expect(dead_code, reason = "the fields are read from memory")]
    enum Proof {
        Password { issued: u32, value: String },
    }
    let word = || WORD.to_owned();
    let token = RefreshToken {
        issued: 7,
        raw: word(),
    };
    for (shown, expected) in [
        (
            read(&token),
            "RefreshToken { issued: <redacted>, raw: <redacted> }",
        ),
        (read(&ApiKey::Live(word())), "Live(<redacted>)"),
        (
            read(&ApiKey::Test { value: word() }),
            "Test { value: <redacted> }",
        ),
        (
            read(&Proof::Password {
                issued: 7,
                value: word(),
            }),
            "Password { issued: <redacted>, value: <redacted> }",
        ),
    ] {
        assert_eq!(shown.to_string(), expected);
    }
}

#[test]
fn a_key_hides_its_value_in_whatever_it_is_wrapped_and_wherever_it_is_cut() {
    #[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
    struct Key(String);
    #[expect(dead_code, reason = "the fields are read from memory")]
    struct Header {
        name: &'static str,
        enabled: bool,
        value: &'static str,
    }
    let map = HashMap::from([(Key("password".to_owned()), WORD)]);
    assert_eq!(read(&map).to_string(), r#"{Key("password"): <redacted>}"#);
    let header = Header {
        name: "authorization",
        enabled: true,
        value: WORD,
    };
    let shown = read(&header).to_string();
    assert!(
        shown.ends_with("enabled: true, value: <redacted> }"),
        "{shown}"
    );
    let few = Limits {
        text: 8,
        ..Limits::default()
    };
    let tree = BTreeMap::from([("client_secret", "x")]);
    let shown = read_with(&tree, few).to_string();
    assert!(shown.ends_with("<redacted>}"), "{shown}");
}

#[test]
fn a_value_of_a_forbidden_type_is_not_touched() {
    fn check<T>(value: &T, expected: &str) {
        let (shown, asked) = asked(value);
        assert_eq!(shown, expected);
        assert!(asked.is_empty(), "{asked:x?}");
    }
    let key = Hidden(*b"\x01\x02\x03\x04\x05\x06\x07\x08");
    check(&key, "<redacted>");
    check(&&key, "<redacted>");
    check(&Box::new(SecretBox(7)), "<redacted>");
    check(&Secret::new(WORD), "<redacted>");
    check(&DbPassword(WORD), "<redacted>");
    check(&std::sync::Arc::new(DbPassword(WORD)), "<redacted>");
    let (shown, _) = asked(&vec![DbPassword(WORD)]);
    assert_eq!(shown, "<redacted>");
    let (shown, _) = asked(&Some((1, SecretBox(WORD.to_owned()))));
    assert_eq!(shown, "Some((1, <redacted>))");
    assert_eq!((key.0[0], DbPassword(WORD).0, SecretBox(1).0), (1, WORD, 1));
}

#[test]
fn what_a_forbidden_key_stands_for_is_not_touched() {
    let word = WORD.to_owned();
    let place = word.as_ptr().addr() as u64;
    let map = HashMap::from([("password", word)]);
    let (shown, asked_of) = asked(&map);
    assert_eq!(shown, r#"{"password": <redacted>}"#);
    untouched(&asked_of, place, WORD.len() as u64);
    let tree = BTreeMap::from([("api_key".to_owned(), WORD), ("color".to_owned(), "red")]);
    let (shown, _) = asked(&tree);
    assert_eq!(shown, r#"{"api_key": <redacted>, "color": "red"}"#);
    let (shown, _) = asked(&vec![("token", WORD), ("color", "red")]);
    assert_eq!(shown, r#"[("token", <redacted>), ("color", "red")]"#);
    struct Header {
        name: &'static str,
        value: &'static str,
    }
    let header = Header {
        name: "authorization",
        value: WORD,
    };
    let (shown, _) = asked(&header);
    assert_eq!(
        shown,
        r#"Header { name: "authorization", value: <redacted> }"#
    );
    assert_eq!((header.name.len(), header.value), (13, WORD));
    let json = serde_json::json!({"password": WORD, "n": 1});
    let (shown, _) = asked(&json);
    assert_eq!(shown, r#"{"n": 1, "password": <redacted>}"#);
}

#[test]
fn what_was_read_is_looked_through() {
    for secret in [
        "Bearer abcdef123456",
        "postgres://uma:Tr0ub4dor@db/shop",
        "password=Tr0ub4dor",
        "4111 1111 1111 1111",
    ] {
        let shown = read(&secret.to_owned()).to_string();
        assert!(shown.contains("[redacted]"), "{shown}");
        assert!(
            !shown.contains("Tr0ub4dor") && !shown.contains("1111 1111"),
            "{shown}"
        );
    }
    assert_eq!(read(&4_111_111_111_111_111_u64).to_string(), "[redacted]");
    assert_eq!(
        read(&1_795_340_339_012_345_u64).to_string(),
        "1795340339012345"
    );
}

#[test]
fn a_secret_that_is_cut_off_does_not_begin_in_sight() {
    // Eighty bytes are kept: of the key only the first twelve would be, too few to be known as one.
    let text = format!(
        "{} AKIAIOSFODNN7EXAMPLE and more {}",
        "x".repeat(67),
        "y".repeat(200)
    );
    let Value::Text { text, length } = read(&text) else {
        panic!("no text");
    };
    assert!(!text.contains("AKIA"), "{text}");
    assert!(length > 200);
}

#[test]
fn a_redacted_option_still_says_whether_it_is_there() {
    let none: Option<DbPassword> = None;
    assert_eq!(read(&none).to_string(), "None");
    assert_eq!(
        read(&Some(DbPassword(WORD))).to_string(),
        "Some(<redacted>)"
    );
    assert_eq!(read(&Hidden([0; 8])), Value::Missing(Missing::Redacted));
}
