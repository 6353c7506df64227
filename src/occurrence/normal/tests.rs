//! Proves that a problem has one form whatever data its message holds, and that two problems have two.

use super::*;
use proptest::prelude::*;

/// One pair of the corpus: the line it is at, whether its messages are the same problem, and the messages.
fn corpus() -> Vec<(usize, bool, String, String)> {
    let mut pairs = Vec::new();
    let mut lines = include_str!("corpus.txt")
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    while let Some((number, kind)) = lines.next() {
        let same = match kind {
            "same" => true,
            "different" => false,
            _ => panic!("line {}: `same` or `different` was expected", number + 1),
        };
        let mut message = || {
            let line = lines.next().expect("a pair has two messages").1;
            line.trim_start()
                .replace("\\n", "\n")
                .replace("\\e", "\x1b")
        };
        pairs.push((number + 1, same, message(), message()));
    }
    pairs
}

#[test]
fn the_messages_of_well_known_crates_fall_into_the_right_issues() {
    let pairs = corpus();
    let wrong: Vec<_> = pairs
        .iter()
        .filter(|(_, same, one, other)| (to_string(one) == to_string(other)) != *same)
        .map(|(line, same, one, other)| {
            let kind = if *same { "same" } else { "different" };
            format!(
                "line {line}, {kind}:\n  {}\n  {}",
                to_string(one),
                to_string(other)
            )
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        pairs.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_corpus_holds_forty_pairs_of_each_kind() {
    let same = corpus().iter().filter(|pair| pair.1).count();
    assert!(same >= 40 && corpus().len() - same >= 40);
}

#[test]
fn the_form_reads_like_the_message() {
    let form = |message, expected: &str| assert_eq!(to_string(message), expected);
    form(
        "index out of bounds: the len is 3 but the index is 7",
        "index out of bounds: the len is <value> but the index is <value>",
    );
    form(
        "called `Option::unwrap()` on a `None` value",
        "called Option::unwrap() on a None value",
    );
    form(
        "\x1b[31muser 'alice'\x1b[0m\n  not found.",
        "user <value> not found",
    );
    form("[1, 2, 3] [] [ERROR]", "[<value>] [<value>] [ERROR]");
}

#[test]
fn only_the_beginning_of_a_message_counts() {
    let long = "x ".repeat(MAX_INPUT / 2);
    assert_eq!(to_string(&long), to_string(&format!("{long} and more")));
    assert_ne!(
        to_string(&long[2..]),
        to_string(&format!("{} more", &long[8..]))
    );
}

/// The templates of the property tests: `{}` is where the data go.
const TEMPLATES: &[&str] = &[
    "order {} not found",
    "failed after {}: connection refused",
    "cannot lock (id {}) now",
    "Os { code: 2, id: {}, kind: NotFound }",
    "user \"{}\" is locked",
    "no entry for `{}`",
    "{}",
];

fn check(one: &str, other: &str) -> Result<(), TestCaseError> {
    for template in TEMPLATES {
        let (one, other) = (
            template.replacen("{}", one, 1),
            template.replacen("{}", other, 1),
        );
        prop_assert_eq!(to_string(&one), to_string(&other), "{} / {}", one, other);
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_number_is_a_value(number in any::<i64>(), float in any::<f64>(), hexadecimal in any::<u64>()) {
        check(&number.to_string(), "7")?;
        check(&float.to_string(), "7")?;
        check(&format!("{float:e}"), "7")?;
        check(&format!("{hexadecimal:#x}"), "7")?;
        check(&format!("{number:?}ms"), "7")?;
    }

    #[test]
    fn any_uuid_hash_or_object_id_is_a_value(bits in any::<u128>(), more in any::<u128>()) {
        check(&uuid::Uuid::from_u128(bits).to_string(), "7")?;
        check(&uuid::Uuid::from_u128(bits).to_string().to_uppercase(), "7")?;
        check(&format!("{bits:032x}{more:08x}"), "7")?;
    }

    #[test]
    fn any_address_is_a_value(ip in any::<std::net::IpAddr>(), socket in any::<std::net::SocketAddr>()) {
        // An address of letters alone cannot be told from a path of modules.
        prop_assume!(ip.to_string().bytes().any(|byte| byte.is_ascii_digit()));
        check(&ip.to_string(), "7")?;
        check(&socket.to_string(), "7")?;
    }

    #[test]
    fn any_duration_and_any_date_is_a_value(nanos in any::<u64>(), year in 1000u16..=9999, hour in 0u8..24) {
        check(&format!("{:?}", std::time::Duration::from_nanos(nanos)), "7")?;
        check(&format!("{year}-01-02T{hour:02}:04:05.678+02:00"), "7")?;
        check(&format!("Sun, 06 Nov {year} {hour:02}:49:37 GMT"), "7")?;
    }

    #[test]
    fn any_file_and_any_web_address_is_a_value(path in "(/[a-z][a-z0-9_.-]{0,8}[a-z0-9]){1,4}") {
        check(&path, "7")?;
        check(&format!("https://shop.example{path}?a=b&c=d"), "7")?;
        check(&format!("C:{}", path.replace('/', "\\")), "7")?;
    }

    #[test]
    fn any_quoted_name_is_a_value(name in "\\PC{0,12}") {
        let name = format!("{name:?}");
        prop_assume!(!words::is_message(&name));
        prop_assert_eq!(to_string(&format!("user {name} is locked")), "user <value> is locked");
    }

    #[test]
    fn a_list_is_a_list_however_long(list in prop::collection::vec(any::<u8>(), 0..20)) {
        prop_assert_eq!(to_string(&format!("got {list:?}")), "got [<value>]");
        prop_assert_eq!(to_string(&format!("got {list:#?}")), "got [<value>]");
    }

    #[test]
    fn any_text_has_a_form_of_bounded_length(text in "[\\PC\\n\"'`\\[\\]{}()=:\\\\/ ]{0,400}") {
        prop_assert!(to_string(&text).len() <= 8 * text.len());
    }
}

/// Counts pieces, as a bound on the steps that does not need a clock.
#[test]
fn what_opens_and_never_closes_costs_no_more_than_other_text() {
    for part in [
        "[", "[,", "'a ", "\"", "\\\"", "`", "(", "\n ^", "::", "a=", "\n", "../", "„", "[1,\"'`",
    ] {
        let mut pieces = 0;
        normal_form(&part.repeat(MAX_INPUT), &mut |_| pieces += 1);
        assert!(pieces <= 2 * MAX_INPUT, "{part:?}: {pieces}");
    }
}
