//! The frame of every page, and the one way for text to get into it.

use axum::Extension;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse};

use crate::sessions::Visitor;

/// A page with its headers.
pub(crate) type Page = ([(HeaderName, &'static str); 2], Html<String>);

/// A page. `title` is escaped here; `main` is HTML, in which the caller has escaped what is not.
pub(crate) fn page(title: &str, visitor: &Visitor, main: &str) -> Page {
    let (title, style) = (escape(title), include_str!("style.css"));
    let items = visitor.session.cart.count();
    let cart = if items == 0 {
        "Cart".to_owned()
    } else {
        format!(r#"Cart <span class="badge">{items}<span class="unseen"> items</span></span>"#)
    };
    let account = match visitor.session.customer {
        Some(customer) => format!(
            r#"<form method="post" action="/logout"><span class="who">{}</span> <button class="plain">Log out</button></form>"#,
            escape(customer.name)
        ),
        None => r#"<a href="/login">Log in</a>"#.to_owned(),
    };
    let html = format!(
        r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · The Odd Shop</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#main">To the content</a>
<header>
<nav aria-label="Main">
<a class="name" href="/">The Odd Shop</a>
<a href="/">Articles</a>
<a href="/cart">{cart}</a>
<a href="/tour">What to click</a>
<span class="account">{account}</span>
</nav>
</header>
<main id="main">
{main}
</main>
<footer><p>A demonstration. Nothing is sold, nothing is charged, and quite some of it breaks on purpose.</p></footer>
</body>
</html>
"##
    );
    (HEADERS, Html(html))
}

/// The page for an address that does not exist.
pub(crate) async fn not_found(Extension(visitor): Extension<Visitor>) -> impl IntoResponse {
    let main = r#"<h1>There is no such page</h1>
<p>Nobody is told of it: a wrong address is the visitor's mistake, not the shop's. It is in the audit file all the same.</p>
<p><a class="button" href="/">To the articles</a></p>"#;
    (StatusCode::NOT_FOUND, page("No such page", &visitor, main))
}

/// Text as it may stand between tags and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// No scripts, nothing from elsewhere, no frames; pages of one visitor are not kept for another.
const HEADERS: [(HeaderName, &str); 2] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
];
