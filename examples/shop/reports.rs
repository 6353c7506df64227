//! What the shop's owner looks at: a slow page, and a download that breaks off.

use std::convert::Infallible;
use std::io;
use std::num::ParseIntError;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{Html, IntoResponse};
use futures_util::{Stream, StreamExt, stream};
use tower_monitor::ServerError;

use crate::articles::{ARTICLES, euros};
use crate::html::{Page, page};
use crate::sessions::Visitor;

/// A report that takes its time, row by row: leave in the middle of it.
pub(crate) async fn sales(Extension(visitor): Extension<Visitor>) -> impl IntoResponse {
    let main = format!(
        r#"<h1>Sales</h1>
<p class="lead">Each month takes a second. Leave before June is there, and the audit file says <code>abandoned</code>; wait, and it says <code>answered</code>.</p>
<table class="bill">
<thead><tr><th scope="col">Month</th><th scope="col">Sold for</th></tr></thead>
<tbody>
{ROWS}</tbody>
</table>"#
    );
    let (headers, Html(html)) = page("Sales", &visitor, &main);
    let (before, after) = html.split_once(ROWS).unwrap_or((&html, ""));
    let parts = stream::iter([before.to_owned()])
        .chain(stream::iter(MONTHS).then(month))
        .chain(stream::iter([after.to_owned()]));
    (
        headers,
        Html(Body::from_stream(parts.map(Ok::<_, Infallible>))),
    )
}

async fn month((name, cents): (&str, u32)) -> String {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sold = euros(cents);
    format!("<tr><th scope=\"row\">{name}</th><td>{sold}</td></tr>\n")
}

/// What came back. The list was typed in by hand, and the third row has a letter for a number.
pub(crate) async fn returns(Extension(visitor): Extension<Visitor>) -> Result<Page, ServerError> {
    let pieces = count_returns(RETURNS)?;
    let main = format!("<h1>Returns</h1>\n<p class=\"lead\">{pieces} pieces came back.</p>");
    Ok(page("Returns", &visitor, &main))
}

#[tracing::instrument(skip_all, fields(rows = list.lines().count()))]
fn count_returns(list: &str) -> Result<u32, BadRow> {
    let mut pieces = 0;
    for (index, row) in list.lines().enumerate() {
        tracing::debug!(row, "reading a row");
        let (_, number) = row.split_once(',').unwrap_or((row, "1"));
        let bad = |source| BadRow {
            row: index + 1,
            source,
        };
        pieces += number.parse::<u32>().map_err(bad)?;
    }
    Ok(pieces)
}

#[derive(Debug, thiserror::Error)]
#[error("row {row} of the returns is not right")]
struct BadRow {
    row: usize,
    source: ParseIntError,
}

/// The stock as CSV, row by row from a warehouse that goes away in the middle.
pub(crate) async fn stock() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"stock.csv\"",
        ),
    ];
    (headers, Body::from_stream(warehouse()))
}

fn warehouse() -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(0, |row| async move {
        // The client has seen the beginning when the end fails.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let item = match row {
            0 => Ok(Bytes::from_static(b"article,pieces\n")),
            1..=3 => Ok(Bytes::from(format!("{},{}\n", ARTICLES[row].id, row * 7))),
            _ => Err(connection_lost()),
        };
        Some((item, row + 1))
    })
}

fn connection_lost() -> io::Error {
    let cause = io::Error::from(io::ErrorKind::ConnectionReset);
    io::Error::other(format!("the warehouse was lost after row 3: {cause}"))
}

const MONTHS: [(&str, u32); 6] = [
    ("January", 841_200),
    ("February", 793_050),
    ("March", 910_590),
    ("April", 877_700),
    ("May", 1_024_030),
    ("June", 986_410),
];

const RETURNS: &str = "teapot,1\nlamp,2\nmugs,1O\nnotebook,4";

/// Where the rows go into the page.
const ROWS: &str = "<!-- rows -->";
