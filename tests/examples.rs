//! Each example does what it promises, as a process of its own, seen from outside: by its clients, on its terminal, in its files.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use http::Method;
use http_body_util::BodyExt;
use serde_json::Value;
use support::example::{Browser, Example, binary, id, wait_until};
use support::vendor::{Answer, Vendor};

#[tokio::test]
async fn quickstart_answers_a_panic_and_tells_of_it_in_the_log() {
    let example = Example::start("quickstart", &[]);
    let mut browser = example.browser();
    assert_eq!(browser.get("/").await.status, 200);
    let page = browser.get("/orders/7").await;
    page.is_the_sorry_page();
    for told in [
        "tower_monitor::alert",
        &page.id,
        "panic: index out of bounds: the len is 3 but the index is 7",
        "GET /orders/{number} at examples/quickstart.rs:",
        "GET /orders/7",
        "127.0.0.1",
    ] {
        example.shows(told);
    }
    example.ends_on_ctrl_c();
}

#[tokio::test]
async fn quickstart_shows_the_audit_records() {
    let example = Example::start("quickstart", &[]);
    assert_eq!(example.browser().get("/").await.status, 200);
    example.shows("answered");
}

#[tokio::test]
async fn hyper_names_the_route_and_the_client() {
    let example = Example::start("hyper", &[]);
    let mut browser = example.browser();
    let works = browser.get("/divide/2").await;
    assert_eq!(
        (works.status.as_u16(), works.body.trim()),
        (200, "84 / 2 = 42")
    );
    let page = browser.get("/divide/0").await;
    page.is_the_sorry_page();
    for told in [
        "panic: attempt to divide by zero",
        "GET /divide/{by} at examples/hyper.rs:",
        "client     127.0.0.1",
        &page.id,
    ] {
        example.shows(told);
    }
    example.ends_on_ctrl_c();
}

#[tokio::test]
async fn a_notifier_of_ones_own_writes_the_alert() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.jsonl");
    let example = Example::start("custom_notifier", &[("ALERT_FILE", file.to_str().unwrap())]);
    example.shows("A test alert through `alert_file` arrived");
    let failed = example.browser().get("/").await;
    assert_eq!(failed.status, 500);
    example.ends_on_ctrl_c();

    let text = std::fs::read_to_string(file).unwrap();
    let alerts: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(alerts.len(), 2, "{text}");
    assert_eq!(alerts[0]["reason"]["kind"], "test");
    assert_eq!(alerts[1]["reason"]["kind"], "new");
    assert_eq!(alerts[1]["occurrence"]["request"]["id"], failed.id.as_str());
}

#[tokio::test]
async fn a_notifier_of_ones_own_says_why_it_could_not() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("missing").join("alerts.jsonl");
    for (path, said) in [
        (nowhere.as_path(), "not now: "),
        (folder.path(), "the destination takes nothing any more: "),
    ] {
        let example = Example::start("custom_notifier", &[("ALERT_FILE", path.to_str().unwrap())]);
        example.shows(&format!("A test alert through `alert_file`: {said}"));
        example.ends_on_ctrl_c();
    }
}

#[test]
fn what_a_test_captures_is_shown() {
    let output = Command::new(binary("in_your_tests")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for told in [
        "503 Service Unavailable answered",
        "POST /pay/{order}",
        "Uma Berg (42)",
    ] {
        assert!(text.contains(told), "{text}");
    }
}

#[tokio::test]
async fn notifiers_of_the_environment_are_tried_and_what_became_of_it_is_shown() {
    let output = clean("notifiers").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    let table = include_str!("../src/notify/env.rs");
    let variables = table.split('`').filter(|word| {
        word.contains('_')
            && !word.ends_with('_')
            && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    });
    for variable in variables {
        assert!(text.contains(variable), "{variable} is not in\n{text}");
    }

    if cfg!(not(all(feature = "webhook", feature = "telegram"))) {
        return;
    }
    let vendor = Vendor::saying(Answer::say(200, "{}")).await;
    let mut command = clean("notifiers");
    command.env("ALERT_WEBHOOK_URL", vendor.url("/alerts"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert_eq!(text, "notifier  test alert\nwebhook   arrived\n");
    assert_eq!(vendor.only().json()["reason"]["kind"], "test");

    let vendor = Vendor::saying(Answer::say(404, "")).await;
    let mut command = clean("notifiers");
    command.env("ALERT_WEBHOOK_URL", vendor.url("/alerts"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(
        text.contains("webhook   the destination takes nothing any more: 404"),
        "{text}"
    );

    let output = clean("notifiers")
        .env("TELEGRAM_BOT_TOKEN", "s3cr3t")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("token") && !text.contains("s3cr3t"), "{text}");
}

/// The example with nothing in its environment.
fn clean(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    command.env_clear();
    command
}

#[tokio::test]
async fn a_panic_in_the_shop_names_the_customer_and_never_the_reason_to_the_client() {
    let shop = Shop::open();
    let mut browser = shop.browser();
    browser.log_in("uma@example.org").await;
    let page = browser.post("/buy/gift-card", "").await;
    page.is_the_sorry_page();
    let alert = shop.alert(&page.id);
    for told in [
        "ALERT ━ panic: attempt to divide by zero",
        "POST /buy/{article} at examples/shop/checkout.rs:",
        "POST /buy/gift-card",
        "Uma Berg (42) <uma@example.org>",
        "127.0.0.1",
        "it is new",
    ] {
        assert!(alert.contains(told), "{told} is not in\n{alert}");
    }

    let record = shop.record(&page.id);
    assert_eq!(record["outcome"], "panicked");
    assert_eq!(record["http.response.status_code"], 500);
    assert_eq!(record["http.route"], "/buy/{article}");
    assert_eq!(record["user.id"], "42");
    assert_eq!(record["client.address"], "127.0.0.1");
}

#[tokio::test]
async fn the_same_panic_is_told_once_and_then_at_the_tenth_time() {
    let shop = Shop::open();
    let mut browser = shop.browser();
    browser.log_in("carlos@example.org").await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(browser.post("/buy/gift-card", "").await.id);
    }
    // Of the later ones only the number is kept at once: the alert shows the newest of which everything is known.
    let alert = shop.alert("it has happened 10 times");
    assert!(ids.iter().any(|id| alert.contains(id)), "{alert}");
    assert!(alert.contains("8 not told one by one"), "{alert}");
    assert!(alert.contains("Carlos d’Aosta (43)"), "{alert}");
    shop.example.ends_on_ctrl_c();
    assert_eq!(shop.example.printed().matches("━ ALERT ━").count(), 2);
    for id in ids {
        assert_eq!(shop.record(&id)["outcome"], "panicked");
    }
}

#[tokio::test]
async fn a_payment_that_fails_is_told_with_what_was_answered() {
    let shop = Shop::open();
    let mut browser = shop.browser();
    browser.log_in("uma@example.org").await;
    browser.post("/cart", "article=teapot").await;
    let failed = browser.post("/checkout", "payment=card").await;
    assert_eq!(failed.status, 503);
    let shown = "Cards cannot be charged right now.";
    assert!(failed.body.contains(shown), "{}", failed.body);
    let alert = shop.alert(&failed.id);
    for told in [
        "GatewayDown: the payment gateway pay.example:443 cannot be reached",
        "caused by  io::Error: connection refused",
        "charging the card",
        shown,
        "POST /checkout",
        "Uma Berg (42)",
        "127.0.0.1",
        "payment=card",
    ] {
        assert!(alert.contains(told), "{told} is not in\n{alert}");
    }
    let record = shop.record(&failed.id);
    assert_eq!(
        (&record["outcome"], &record["user.id"]),
        (&"failed".into(), &"42".into())
    );
    assert_eq!(record["http.response.status_code"], 503);

    let bought = browser.post("/checkout", "payment=invoice").await;
    assert_eq!(bought.location(), "/thanks?cents=3790");
}

#[tokio::test]
async fn an_error_behind_a_question_mark_is_told_with_its_cause_and_its_way() {
    let shop = Shop::open();
    let page = shop.browser().get("/reports/returns").await;
    page.is_the_sorry_page();
    let alert = shop.alert(&page.id);
    for told in [
        "BadRow: row 3 of the returns is not right",
        "caused by  ParseIntError: invalid digit found in string",
        "GET /reports/returns at examples/shop/reports.rs:",
        "stack  shop::reports::returns at examples/shop/reports.rs:",
        "let pieces = count_returns(RETURNS)?;",
        "shop::reports: reading a row {row=mugs,1O}",
        "curl --globoff",
    ] {
        assert!(alert.contains(told), "{told} is not in\n{alert}");
    }
    assert!(
        !page.body.contains("row 3"),
        "the client learns nothing of it"
    );
}

#[tokio::test]
async fn a_download_that_breaks_off_is_told() {
    let shop = Shop::open();
    let (status, id, rows, broken) = shop.browser().download("/reports/stock.csv").await;
    assert_eq!(
        (status.as_u16(), rows.lines().count(), broken),
        (200, 4, true),
        "{rows}"
    );
    let alert = shop.alert(&id);
    for told in [
        "the response broke off: ",
        "the warehouse was lost after row 3: connection reset",
        "GET /reports/stock.csv",
        "not known",
        "127.0.0.1",
    ] {
        assert!(alert.contains(told), "{told} is not in\n{alert}");
    }
    let record = shop.record(&id);
    assert_eq!(record["outcome"], "body_broken");
    assert_eq!(record["http.response.status_code"], 200);
}

// On a thread of its own the connection is closed while the test waits.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_leaves_is_in_the_audit_file_and_nobody_is_woken() {
    let shop = Shop::open();
    let browser = shop.browser();
    let mut response = browser.request(Method::GET, "/reports/sales", "").await;
    assert!(response.frame().await.unwrap().is_ok());
    let id = id(response.headers());
    drop((response, browser));
    let record = shop.record(&id);
    assert_eq!(record["outcome"], "abandoned");
    assert_eq!(record["http.route"], "/reports/sales");
    shop.example.ends_on_ctrl_c();
    assert!(!shop.example.printed().contains("ALERT"));
}

#[tokio::test]
async fn what_visitors_do_wrong_is_no_alert_and_no_page_can_be_scripted() {
    let shop = Shop::open();
    let mut browser = shop.browser();
    assert_eq!(browser.get("/nowhere").await.status, 404);
    let wrong =
        "email=%3Cscript%3Ealert(1)%3C%2Fscript%3E&password=hunter2&next=%22%3E%3Cscript%3E";
    let refused = browser.post("/login", wrong).await;
    assert_eq!(refused.status, 401);
    assert!(!refused.body.contains("<script"), "{}", refused.body);
    assert!(!refused.body.contains("hunter2"), "{}", refused.body);
    let right = "email=uma%40example.org&password=demo&next=%2F%2Felsewhere.example";
    assert_eq!(browser.post("/login", right).await.location(), "/");
    let name = "Notebook “&lt;Draft &amp; Co&gt;”";
    assert!(browser.get("/articles/notebook").await.body.contains(name));

    shop.example.ends_on_ctrl_c();
    assert!(!shop.example.printed().contains("ALERT"));
    let written = std::fs::read_to_string(&shop.audit_file).unwrap_or_default();
    assert!(!written.contains("hunter2"), "{written}");
}

#[tokio::test]
async fn closing_the_shop_flushes_everything() {
    let shop = Shop::open();
    let mut browser = shop.browser();
    let login = browser.log_in("uma@example.org").await;
    let page = browser.post("/buy/gift-card", "").await;
    shop.example.ends_on_ctrl_c();
    let printed = shop.example.printed();
    assert!(
        printed.contains("The shop is closed. Everything delivered: true"),
        "{printed}"
    );
    assert!(printed.contains(&page.id), "{printed}");
    // It has ended: what is not in the file now never will be.
    let records = shop.records();
    assert_eq!(records.len(), 3, "one for each request: {records:?}");
    assert_eq!(records[0]["request.id"], login.as_str());
    assert_eq!(records[0]["user.id"], "42");
    assert_eq!(records[2]["request.id"], page.id.as_str());
}

/// The shop, with the file it writes.
struct Shop {
    example: Example,
    audit_file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Shop {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let audit_file = folder.path().join("new").join("audit.log");
        let example = Example::start("shop", &[("AUDIT_FILE", audit_file.to_str().unwrap())]);
        Self {
            example,
            audit_file,
            _folder: folder,
        }
    }

    fn browser(&self) -> Browser {
        self.example.browser()
    }

    /// The alert that says this: the id of its request, say.
    fn alert(&self, text: &str) -> String {
        self.example.waits_for(text, |printed| {
            let alerts = printed.split("┏━").skip(1);
            let mut whole = alerts.filter_map(|alert| Some(alert.split_once("┗━")?.0));
            whole.find(|alert| alert.contains(text)).map(str::to_owned)
        })
    }

    /// The audit record of the request with this id.
    fn record(&self, id: &str) -> Value {
        let mut record = None;
        wait_until(&format!("writes the audit record of {id}"), || {
            let mut records = self.records().into_iter();
            record = records.find(|record| record["request.id"] == id);
            record.is_some()
        });
        record.unwrap()
    }

    /// The audit records so far.
    fn records(&self) -> Vec<Value> {
        let written = std::fs::read_to_string(&self.audit_file).unwrap_or_default();
        let whole = written.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let records = whole.lines().map(serde_json::from_str);
        records.collect::<Result<_, _>>().unwrap()
    }
}

#[tokio::test]
async fn pager_shows_the_test_alert_and_the_panic_on_160_characters() {
    let output = Command::new(binary("pager"))
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let pages: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("pager: "))
        .collect();
    assert!(text.contains("failed: true, delivered: true"), "{text}");
    let shown = pages
        .iter()
        .find(|page| page.contains("bed 7 has no monitor"));
    assert!(
        shown.is_some_and(|page| page.starts_with("ward: panic: ")),
        "{text}"
    );
    assert!(
        pages.iter().all(|page| page.chars().count() <= 160),
        "{text}"
    );
    assert!(
        pages.iter().any(|page| page.contains("nothing is broken")),
        "{text}"
    );
}

#[test]
fn the_guide_to_notifiers_shows_the_code_of_its_example() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let (guide, example) = (read("docs/notifier.md"), read("examples/pager.rs"));
    let blocks: Vec<_> = guide.split("```rust\n").skip(1).collect();
    assert!(blocks.len() >= 6);
    for block in blocks {
        let code = block.split("```").next().unwrap();
        assert!(example.contains(code), "not in the example:\n{code}");
    }
}
