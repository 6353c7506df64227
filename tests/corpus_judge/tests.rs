//! The judge, judged by occurrences made by hand.

use serde_json::{Value, json};

use super::judge::{Judged, Verdict, judge};
use super::source::{self, Function};
use super::table::{Counts, Part};
use super::tree::Tree;

const SOURCE: &str = r#"
fn total(
    cart: &Cart, //= Cart { items: [Item { id: 7, name: "mug" }, Item { id: 8, name: "pot" }], cents: 1290 }
    rate: u8,    //= 19
) -> u32 {
    let names = names(cart); //= {"mug", "pot"}
    let rate = Some(rate); //= Some(19)
    let gone = cart.clone(); //~ Cart { items: [], cents: 0 }
    let steps = cart
        .items
        .len(); //= 2
    drop(gone);
    cart.items.iter().for_each(|item| {
        //@^ total
        //= item => Item { id: 8, name: "pot" } ;; rate => Some(19)
        fail(item, &names); //@ total
    });
    let late = 1;
    late
}

fn fail(item: &Item, names: &[&str]) {
    panic!("no {item:?}"); //@ total: no Item
}

fn down(
    n: u32, //= 0 | 1 | 2
) {
    if n == 0 {
        panic!("bottom"); //@ down: bottom
    }
    let next = n - 1; //= - | 0 | 1
    down(next); //@ down
}
"#;

fn truth() -> Vec<Function> {
    source::read("sync_total.rs", SOURCE)
}

fn frame(line: u32, variables: Value) -> Value {
    json!({ "file": "/build/sync_total.rs", "line": line, "in_app": true, "variables": variables })
}

fn occurrence(scenario: &str, frames: Vec<Value>) -> Vec<(String, Value)> {
    let occurrence = json!({ "exceptions": [{ "stack": { "frames": frames } }] });
    vec![(scenario.to_owned(), occurrence)]
}

fn variable(name: &str, value: Value) -> Value {
    json!({ "name": name, "value": value })
}

fn scalar(word: &str) -> Value {
    json!({ "scalar": word })
}

fn text(text: &str, length: u64) -> Value {
    json!({ "text": { "text": text, "length": length } })
}

fn some(value: Value) -> Value {
    json!({ "variant": { "name": "Some", "fields": [["0", value]] } })
}

fn item(id: Value, name: Value) -> Value {
    json!({ "struct": { "name": "Item", "fields": [["id", id], ["name", name]] } })
}

fn cart(items: Vec<Value>, length: u64, cents: &str) -> Value {
    let items = json!({ "list": { "items": items, "length": length } });
    let cart = json!({ "struct": { "name": "Cart", "fields": [["items", items], ["cents", scalar(cents)]] } });
    json!({ "pointer": { "to": cart } })
}

/// What is said of the function `total`, whose frame stands in line 13.
fn of_total(variables: Value) -> Vec<Judged> {
    let occurrences = occurrence("total", vec![frame(13, variables)]);
    let all = judge(&truth(), &occurrences, |_| true);
    all.into_iter()
        .filter(|one| one.function == "total")
        .collect()
}

fn of(judged: &[Judged], name: &str) -> Vec<Verdict> {
    let of_name = judged.iter().filter(|one| one.name == name);
    of_name.map(|one| one.verdict.clone()).collect()
}

fn only(name: &str, value: Value) -> Verdict {
    of(&of_total(json!([variable(name, value)])), name).remove(0)
}

fn missing(reason: &str) -> Verdict {
    Verdict::Missing(reason.to_owned())
}

#[test]
fn the_source_tells_where_what_is_true() {
    let functions = truth();
    let names: Vec<_> = functions
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    assert_eq!(names, ["total", "total::{closure}", "fail", "down"]);
    let [total, closure, fail, down] = &functions[..] else {
        panic!("{functions:#?}");
    };
    assert_eq!((total.first, total.last), (2, 20));
    assert_eq!(total.marks[0].line, 13);
    assert_eq!(closure.marks[0].line, 16);
    assert_eq!(fail.marks[0].words.as_deref(), Some("no Item"));
    let said = |function: &Function| -> Vec<(String, Option<bool>, bool)> {
        let truths = function.truths.iter();
        truths
            .map(|it| (it.name.clone(), it.is_argument, it.is_provable))
            .collect()
    };
    let own = |name: &str, argument, provable| (name.to_owned(), argument, provable);
    assert_eq!(
        said(total),
        [
            own("cart", Some(true), true),
            own("rate", Some(true), false),
            own("names", Some(false), true),
            own("rate", Some(false), true),
            own("gone", Some(false), false),
            own("steps", Some(false), true),
        ]
    );
    assert_eq!(
        said(closure),
        [own("item", None, true), own("rate", None, true)]
    );
    assert!(total.truths[4].is_moved);
    assert_eq!(total.silent, [("late".to_owned(), 18)]);
    let texts = |depth| down.at(depth).map(|(_, text)| text).collect::<Vec<_>>();
    assert_eq!(texts(0), ["0"]);
    assert_eq!(texts(2), ["2", "1"]);
}

#[test]
fn what_waits_is_told_from_what_it_calls() {
    let source = r#"
pub(crate) async fn handler() {
    let parts = [1].map(|part| {
        twice(part)
    });
    let later = async move {
        twice(parts[0])
    };
    let each = async |part: u8| {
        twice(part)
    };
    get(move |Path(code): Path<String>| {
        async move {
            code
        }
    });
}

fn twice(part: u8) -> u8 {
    part * 2
}

fn boxed<'a>(part: u8) -> Boxed<'a, u8> {
    Box::pin(async move {
        twice(part)
    })
}
"#;
    let functions = source::read("web_parts.rs", source);
    let parts: Vec<_> = functions
        .iter()
        .map(|function| (function.first, Part::of(function)))
        .collect();
    let (waits, calls) = (Part::Async, Part::Sync);
    assert_eq!(
        parts,
        [
            (2, waits),
            (3, calls),
            (6, waits),
            (9, waits),
            (12, calls),
            (13, waits),
            (19, calls),
            (23, calls),
            (24, waits)
        ]
    );
    let errors = source::read("errors.rs", source);
    assert!(errors.iter().all(|it| Part::of(it) == Part::Errors));
}

#[test]
fn right_is_right() {
    let items = vec![
        item(scalar("7"), text("mug", 3)),
        item(scalar("8"), text("pot", 3)),
    ];
    let names = json!({ "list": { "items": [text("pot", 3), text("mug", 3)], "length": 2 } });
    let judged = of_total(json!([
        variable("cart", cart(items, 2, "1290")),
        variable("rate", scalar("19")),
        variable("names", names),
        variable("rate", some(scalar("19"))),
        variable("steps", scalar("2")),
    ]));
    let counts = Counts::of(&judged);
    assert_eq!(
        (counts.expected, counts.whole, counts.wrong),
        (5, 5, 0),
        "{judged:#?}"
    );
    assert_eq!(of(&judged, "gone"), [missing("not_listed")]);
}

#[test]
fn what_is_almost_right_is_wrong() {
    let mug = || item(scalar("7"), text("mug", 3));
    let pot = |name: &str| item(scalar("8"), text(name, 3));
    assert_eq!(only("steps", scalar("3")), Verdict::Wrong);
    assert_eq!(only("steps", text("2", 1)), Verdict::Wrong);
    assert_eq!(
        only("cart", cart(vec![mug(), pot("pan")], 2, "1290")),
        Verdict::Wrong
    );
    assert_eq!(only("cart", cart(vec![mug()], 1, "1290")), Verdict::Wrong);
    assert_eq!(
        only("cart", cart(vec![pot("pot")], 2, "1290")),
        Verdict::Wrong
    );
    assert_eq!(
        only("cart", cart(vec![mug(), pot("pot")], 2, "1291")),
        Verdict::Wrong
    );
    let nameless = json!({ "struct": { "name": "Basket", "fields": [] } });
    assert_eq!(only("cart", nameless), Verdict::Wrong);
}

#[test]
fn what_is_shown_of_a_part_must_be_right() {
    let hole = json!({ "missing": "optimized_out" });
    let with_hole = |cents: &str| cart(vec![item(hole.clone(), text("mug", 3))], 2, cents);
    assert_eq!(only("cart", with_hole("1290")), Verdict::Part);
    assert_eq!(only("cart", with_hole("1")), Verdict::Wrong);
    let cut = |text_: &str, length| cart(vec![item(scalar("7"), text(text_, length))], 2, "1290");
    assert_eq!(only("cart", cut("mu", 3)), Verdict::Part);
    assert_eq!(only("cart", cut("mu", 4)), Verdict::Wrong);
    assert_eq!(only("cart", cut("mo", 3)), Verdict::Wrong);
    assert_eq!(only("cart", hole), missing("optimized_out"));
}

#[test]
fn a_name_that_hides_another_is_told_from_it_by_its_place() {
    let second = of_total(json!([variable("rate", some(scalar("19")))]));
    assert_eq!(of(&second, "rate"), [missing("not_listed"), Verdict::Whole]);
    let first = of_total(json!([variable("rate", scalar("19"))]));
    assert_eq!(of(&first, "rate"), [Verdict::Whole, missing("not_listed")]);
    let swapped = json!([
        variable("rate", some(scalar("19"))),
        variable("rate", scalar("19"))
    ]);
    assert_eq!(
        of(&of_total(swapped), "rate"),
        [Verdict::Wrong, Verdict::Wrong]
    );
    let none = of_total(json!([variable("rate", scalar("5"))]));
    assert!(of(&none, "rate").contains(&Verdict::Wrong));
}

#[test]
fn stale_and_moved_ones_are_judged_apart() {
    let mut stale = variable("steps", scalar("99"));
    stale["is_stale"] = json!(true);
    assert_eq!(of(&of_total(json!([stale])), "steps"), [Verdict::Stale]);
    let old = json!({ "debug": "Cart { items: [], cents: 0 }" });
    assert_eq!(only("gone", old), Verdict::Whole);
    let judged = of_total(json!([variable("gone", cart(vec![], 0, "5"))]));
    let counts = Counts::of(&judged);
    assert_eq!((counts.moved, counts.wrong, counts.expected), (1, 1, 5));
}

#[test]
fn what_is_not_there_must_not_be_shown() {
    let judged = of_total(json!([variable("late", scalar("1"))]));
    assert_eq!(of(&judged, "late"), [Verdict::Ghost]);
    assert_eq!(Counts::of(&judged).wrong, 1);
    let twice = json!([
        variable("steps", scalar("2")),
        variable("steps", scalar("7"))
    ]);
    assert_eq!(
        of(&of_total(twice), "steps"),
        [Verdict::Whole, Verdict::Ghost]
    );
    let same = json!([
        variable("steps", scalar("2")),
        variable("steps", scalar("2"))
    ]);
    assert_eq!(of(&of_total(same), "steps"), [Verdict::Whole]);
    let hidden = json!([variable("late", json!({ "missing": "invalid" }))]);
    assert_eq!(of(&of_total(hidden), "late"), []);
}

#[test]
fn arguments_are_told_from_locals() {
    let mut argument = variable("cart", json!({ "missing": "unreadable" }));
    let mislabelled = |variable: &Value| Counts::of(&of_total(json!([variable]))).mislabelled;
    assert_eq!(mislabelled(&argument), 1);
    argument["is_argument"] = json!(true);
    assert_eq!(mislabelled(&argument), 0);
    argument["name"] = json!("steps");
    assert_eq!(mislabelled(&argument), 1);
}

#[test]
fn each_call_of_a_function_that_calls_itself_has_its_own_truth() {
    let of_depth = |n: &str, next: &str| {
        frame(
            33,
            json!([variable("n", scalar(n)), variable("next", scalar(next))]),
        )
    };
    let frames = vec![
        frame(30, json!([variable("n", scalar("0"))])),
        of_depth("1", "0"),
        of_depth("2", "7"),
    ];
    let judged = judge(&truth(), &occurrence("down", frames), |_| true);
    let down: Vec<_> = judged
        .into_iter()
        .filter(|one| one.function == "down")
        .collect();
    assert_eq!(
        of(&down, "n"),
        [Verdict::Whole, Verdict::Whole, Verdict::Whole]
    );
    assert_eq!(of(&down, "next"), [Verdict::Whole, Verdict::Wrong]);
}

#[test]
fn what_no_frame_shows_is_missing() {
    let judged = judge(&truth(), &occurrence("total", vec![]), |_| true);
    let counts = Counts::of_part(&judged, Part::Sync);
    assert_eq!((counts.whole, counts.expected), (0, 5 + 2 + 5));
    assert_eq!(counts.missing["no_frame"], counts.expected);
}

#[test]
fn debug_text_and_values_are_the_same_tree() {
    let same = [
        (r#"Some("a\"\u{e9}\n")"#, some(text("a\"é\n", 5))),
        (
            "(1, 'x', -2.5)",
            json!({ "struct": { "name": "", "fields": [["0", scalar("1")], ["1", scalar("'x'")], ["2", scalar("-2.5")]] } }),
        ),
        ("()", json!({ "struct": { "name": "", "fields": [] } })),
        (
            "None",
            json!({ "variant": { "name": "shop::Option::None", "fields": [] } }),
        ),
        ("4 bytes", json!({ "bytes": { "length": 4 } })),
        (
            r#"{1: "one"}"#,
            json!({ "map": { "entries": [[scalar("1"), text("one", 3)]], "length": 1 } }),
        ),
        ("RefCell { value: 3 }", scalar("3")),
        (r#"b"\x00a\n""#, json!({ "bytes": { "length": 3 } })),
        (
            r#"Object {"a": Number(1)}"#,
            json!({ "debug": r#"{"a": 1}"# }),
        ),
        ("1.5s", scalar("1.5s")),
        (
            "Page { rows: [] }",
            json!({ "struct": { "name": "shop::Page<shop::Item>", "fields": [["rows", { "list": { "items": [], "length": 0 } }]] } }),
        ),
    ];
    for (debug, value) in same {
        assert_eq!(Tree::of_text(debug), Tree::of_json(&value), "{debug}");
    }
    let shown = Tree::of_json(&json!({ "list": { "items": [scalar("1")], "length": 3 } }));
    assert_eq!(shown.to_string(), "[1, … 3 in all]");
    assert!(shown.has_holes());
}
