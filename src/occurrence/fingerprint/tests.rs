//! What is the same problem, and what is another one.

use std::time::Duration;

use http::{Request, StatusCode};

use super::*;
use crate::occurrence::ResponseEvidence;
use crate::request::{ErrorLink, ErrorRecord, PanicRecord, RequestSettings, Thread, Told};
use crate::time::Timestamp;

fn request(path: &str) -> Option<RequestContext> {
    let settings = RequestSettings {
        owner: 0,
        id_header: http::HeaderName::from_static("x-request-id"),
        trust_ids: Default::default(),
        proxies: Default::default(),
        forwarded_header: Default::default(),
        peer: None,
        bodies: None,
    };
    let request = Request::builder().uri(path).body(()).unwrap();
    Some(RequestContext::begin(&request, &settings).0)
}

fn location(file: &str, line: u32) -> Option<CodeLocation> {
    Some(CodeLocation {
        file: file.to_owned(),
        line,
        column: 5,
    })
}

fn panic(file: &str, line: u32, message: &str, path: &str) -> Evidence {
    let mut evidence = Evidence::new(Kind::Panic, Timestamp::now(), request(path));
    evidence.panic = Some(Box::new(PanicRecord {
        time: Timestamp::now(),
        message: Some(message.to_owned()),
        payload_type: "String",
        location: location(file, line),
        thread: Thread::current(),
        stack: None,
        spans: Vec::new(),
    }));
    evidence
}

fn error(file: &str, line: u32, chain: &[(&str, &str)]) -> Evidence {
    let mut evidence = Evidence::new(Kind::ServerError, Timestamp::now(), request("/"));
    evidence.elapsed = Some(Duration::ZERO);
    let chain = chain.iter().map(|(type_name, message)| ErrorLink {
        type_name: Some((*type_name).to_owned()),
        message: (*message).to_owned(),
    });
    let mut record = ErrorRecord::placeless(Told::Answered, (chain.collect(), Some(0)));
    record.location = location(file, line);
    evidence.error = Some(record.into());
    evidence
}

/// The stack of a failure in `function`, called from the app's `handler`.
fn stack(frames: &[(&str, &str, u32, bool)]) -> Stack {
    let mut stack = Stack::default();
    for (function, file, line, in_app) in frames {
        stack.frames.push(Frame {
            function: Some((*function).to_owned()),
            file: Some((*file).to_owned()),
            line: Some(*line),
            in_app: *in_app,
            ..Frame::default()
        });
    }
    stack
}

fn of(evidence: &Evidence, stack: Option<&Stack>) -> Fingerprint {
    Fingerprint::of(evidence, stack, true)
}

#[test]
fn a_panic_is_its_place_and_its_words_without_what_changes_in_them() {
    let one = of(&panic("src/cart.rs", 17, "no item 7", "/a"), None);
    assert_eq!(
        one,
        of(&panic("src/cart.rs", 17, "no item 912", "/b"), None)
    );
    assert_ne!(one, of(&panic("src/cart.rs", 18, "no item 7", "/a"), None));
    assert_ne!(
        one,
        of(&panic("src/cart.rs", 17, "no customer 7", "/a"), None)
    );
}

#[test]
fn lines_that_move_do_not_matter_where_the_function_is_known() {
    let at = |function, line| {
        let evidence = panic("src/cart.rs", line, "x", "/");
        of(
            &evidence,
            Some(&stack(&[(function, "/build/shop/src/cart.rs", line, true)])),
        )
    };
    assert_eq!(at("shop::buy", 17), at("shop::buy", 99));
    assert_ne!(at("shop::buy", 17), at("shop::sell", 17));
}

#[test]
fn a_panic_in_a_dependency_is_known_by_who_called_it() {
    let file = "/home/ci/.cargo/registry/src/index-1949cf8c6b5b557f/decimal-1.2.3/src/div.rs";
    let at = |caller, file_of_caller| {
        let evidence = panic(file, 7, "division by zero", "/");
        let frames = [
            ("decimal::div", file, 7, false),
            (caller, file_of_caller, 3, true),
        ];
        of(&evidence, Some(&stack(&frames)))
    };
    let one = at("shop::buy", "src/cart.rs");
    assert_eq!(one, at("shop::buy", "/build/17/shop/src/cart.rs"));
    assert_ne!(one, at("shop::sell", "src/cart.rs"));
    assert_ne!(one, at("shop::buy", "src/basket.rs"));
}

#[test]
fn machines_and_releases_do_not_matter() {
    for (one, other) in [
        (
            "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/option.rs",
            "/rustc/0000000000fa2540724bfbac14d7976d7e4a3860/library/core/src/option.rs",
        ),
        (
            "/root/.cargo/registry/src/index-1949cf8c6b5b557f/axum-0.8.9/src/lib.rs",
            "/home/ci/.cargo/registry/src/index-0000000000000000/axum-0.8.10/src/lib.rs",
        ),
    ] {
        assert_eq!(stable_path(one), stable_path(other));
        assert!(stable_path(one).contains("src/"), "{}", stable_path(one));
    }
    assert_eq!(stable_path("src/main.rs"), "src/main.rs");
}

#[test]
fn an_error_is_its_chain_and_its_place() {
    let one = of(
        &error(
            "src/pay.rs",
            9,
            &[("PayError", "card 12 declined"), ("Io", "timed out")],
        ),
        None,
    );
    let other = |chain: &[(&str, &str)]| of(&error("src/pay.rs", 9, chain), None);
    assert_eq!(
        one,
        other(&[("PayError", "card 99 declined"), ("Io", "timed out")])
    );
    assert_ne!(
        one,
        other(&[
            ("PayError", "card 12 declined"),
            ("Io", "connection refused")
        ])
    );
    assert_ne!(one, other(&[("PayError", "card 12 declined")]));
    assert_ne!(
        one,
        other(&[("CartError", "card 12 declined"), ("Io", "timed out")])
    );
}

#[test]
fn a_failed_answer_is_its_status_its_route_and_its_words() {
    let at = |status, path, route: Option<&str>, body: &str| {
        let mut evidence = Evidence::new(Kind::ServerError, Timestamp::now(), request(path));
        if let (Some(request), Some(route)) = (&evidence.request, route) {
            request.set_route(route);
        }
        let mut response = ResponseEvidence::new(status);
        response.body = body.as_bytes().to_vec();
        evidence.response = Some(response);
        of(&evidence, None)
    };
    let (bad, down) = (StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE);
    let one = at(
        bad,
        "/orders/17",
        Some("/orders/{id}"),
        "order 17: timed out",
    );
    assert_eq!(
        one,
        at(
            bad,
            "/orders/18?x=1",
            Some("/orders/{id}"),
            "order 18: timed out"
        )
    );
    assert_ne!(
        one,
        at(bad, "/orders/17", Some("/orders/{id}"), "order 17: refused")
    );
    assert_ne!(
        one,
        at(
            down,
            "/orders/17",
            Some("/orders/{id}"),
            "order 17: timed out"
        )
    );
    assert_ne!(
        one,
        at(
            bad,
            "/orders/17",
            Some("/carts/{id}"),
            "order 17: timed out"
        )
    );
    assert_eq!(
        at(bad, "/made/up", None, ""),
        at(bad, "/by/a/client", None, "")
    );
}

#[test]
fn the_apps_own_word_comes_first() {
    let group = |path, word: &str| {
        let mut evidence = panic("src/cart.rs", 1, path, path);
        evidence.group = Some(word.to_owned());
        (of(&evidence, None), Site::of(&evidence))
    };
    assert_eq!(group("/a", "pool"), group("/b", "pool"));
    assert_ne!(group("/a", "pool"), group("/a", "cache"));
}

#[test]
fn a_site_is_never_coarser_than_the_fingerprint() {
    let (one, other) = (
        panic("a.rs", 1, "item 1", "/"),
        panic("a.rs", 1, "item 2", "/"),
    );
    assert_eq!(Site::of(&one), Site::of(&other));
    let third = panic("a.rs", 1, "customer 1", "/");
    assert_ne!(Site::of(&one).exact, Site::of(&third).exact);
    assert_eq!(Site::of(&one).place, Site::of(&third).place);
}
