//! What the client sees of a failure: that something went wrong, and the reference to quote. Never why.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::watch::GRPC_STATUS;
use crate::guard::contained;
use crate::monitor::{AnswerFn, Failure};
use crate::request::{Preferred, RequestContext};

/// The app's own answer, else the built-in one in the form that the client prefers.
pub(super) fn http(
    request: &RequestContext,
    status: StatusCode,
    accept: Option<&HeaderValue>,
    own: Option<&AnswerFn>,
) -> Response<Bytes> {
    let failure = Failure {
        request,
        status,
        preferred: Preferred::read(accept),
    };
    own.and_then(|own| contained(|| own(&failure)))
        .unwrap_or_else(|| built_in(&failure))
}

/// `grpc-status: 13` (internal), as a response of nothing but its head: "Trailers-Only" in gRPC's HTTP/2 protocol.
pub(super) fn grpc() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(GRPC_STATUS, HeaderValue::from_static("13"));
    headers.insert("grpc-message", HeaderValue::from_static("internal error"));
    response
}

fn built_in(failure: &Failure<'_>) -> Response<Bytes> {
    // Letters, digits, `.`, `_` and `-` only: nothing in it can break out of JSON or HTML.
    let id = failure.request().id().as_str();
    let (kind, body) = match failure.preferred() {
        Preferred::ProblemJson => ("application/problem+json", problem(id, failure.status())),
        Preferred::Html => ("text/html; charset=utf-8", page(id)),
        Preferred::Text => ("text/plain; charset=utf-8", text(id)),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = failure.status();
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if failure.preferred() == Preferred::Html {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        );
    }
    response
}

/// Problem details for HTTP APIs (RFC 9457).
fn problem(id: &str, status: StatusCode) -> String {
    let title = status.canonical_reason().unwrap_or("Error");
    let status = status.as_u16();
    format!(
        r#"{{"type":"about:blank","title":"{title}","status":{status},"detail":"{SORRY}","request_id":"{id}"}}
"#
    )
}

fn text(id: &str) -> String {
    format!("{SORRY}\nReference: {id}\n")
}

/// One file without anything to load, readable in the dark and on a small screen.
fn page(id: &str) -> String {
    [PAGE_BEFORE, SORRY, PAGE_BETWEEN, id, PAGE_AFTER].concat()
}

const PAGE_BEFORE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Something went wrong</title>
<style>
:root { color-scheme: light dark; }
body { font: 1.125rem/1.6 system-ui, sans-serif; display: grid; min-height: 90vh; place-content: center; margin: 0 1.5rem; }
main { max-width: 34rem; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 .75rem; }
p { margin: 0 0 .75rem; }
small { opacity: .75; }
code { overflow-wrap: anywhere; user-select: all; }
</style>
</head>
<body>
<main>
<h1>Something went wrong</h1>
<p>"#;
const PAGE_BETWEEN: &str = r#"</p>
<p><small>If you write to us, please quote this reference:</small><br><code>"#;
const PAGE_AFTER: &str = r#"</code></p>
</main>
</body>
</html>
"#;
const SORRY: &str =
    "The mistake is on our side, and it has been reported. What you just did may not have worked.";
/// Nothing may be loaded or run; only the page's own styles are taken.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
