//! The body of a request: everything that is known, or less where that is too much.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::issue::Alert;
use crate::notify::Message;
use crate::notify::shrink::Size;
use crate::occurrence::{Exception, Occurrence, RequestSnapshot};
use crate::text::shortened;

/// The longest body that is sent, in bytes: what most receivers take.
pub const MAX_BODY: usize = 1_024 * 1_024;

#[derive(Serialize)]
struct Payload<'a> {
    version: u32,
    text: String,
    #[serde(flatten)]
    alert: &'a Alert,
}

/// The alert as JSON, of at most [`MAX_BODY`].
pub(super) fn payload(alert: &Alert, size: Size) -> serde_json::Result<Bytes> {
    let message = Message::of(alert);
    match size {
        Size::Whole => {
            let whole = json(alert, message.to_string())?;
            if whole.len() > MAX_BODY {
                return payload(alert, Size::Small);
            }
            Ok(whole)
        }
        Size::Small => {
            let reference = message.reference.clone();
            let text = format!("{}\n  {:<10} {reference}", message.brief(), "reference");
            json(&small(alert), text)
        }
        Size::Failsafe => {
            let text = format!("{} ({})", message.headline, message.reference);
            json(&least(alert), text)
        }
    }
}

fn json(alert: &Alert, text: String) -> serde_json::Result<Bytes> {
    let payload = Payload {
        version: 1,
        text,
        alert,
    };
    let bytes = serde_json::to_vec(&payload)?;
    // The guard, field by field; what it changes nothing in keeps the order of its fields.
    let before: Value = serde_json::from_slice(&bytes)?;
    let mut after = before.clone();
    alert.redact_json(&mut after);
    if after == before {
        return Ok(bytes.into());
    }
    serde_json::to_vec(&after).map(Bytes::from)
}

/// The alert without what takes most room.
fn small(alert: &Alert) -> Alert {
    let mut small = alert.clone();
    leave_out_others(&mut small, MOST_OTHERS);
    let occurrence = Arc::make_mut(&mut small.occurrence);
    occurrence.exceptions.truncate(MOST_EXCEPTIONS);
    for exception in &mut occurrence.exceptions {
        shrink_exception(exception);
    }
    if let Some(event) = &mut occurrence.event {
        event.message = shortened(&event.message, MAX_TEXT);
        event.fields.clear();
    }
    occurrence.spans.truncate(MOST_SPANS);
    for span in &mut occurrence.spans {
        span.fields.clear();
    }
    occurrence.earlier_breadcrumbs += occurrence.breadcrumbs.len() as u64;
    occurrence.breadcrumbs.clear();
    if let Some(request) = &mut occurrence.request {
        shrink_request(request);
    }
    if let Some(response) = &mut occurrence.response {
        response.headers.clear();
        response.body = None;
    }
    occurrence.missing = vec![LEFT_OUT.to_owned()];
    small
}

fn shrink_exception(exception: &mut Exception) {
    exception.message = shortened(&exception.message, MAX_TEXT);
    let Some(stack) = &mut exception.stack else {
        return;
    };
    let beyond = stack.frames.len().saturating_sub(MOST_FRAMES);
    stack.frames.truncate(MOST_FRAMES);
    stack.cut = stack
        .cut
        .saturating_add(u32::try_from(beyond).unwrap_or(u32::MAX));
    for frame in &mut stack.frames {
        frame.source = None;
        frame.variables.clear();
    }
}

fn shrink_request(request: &mut RequestSnapshot) {
    let headers = u32::try_from(request.headers.len()).unwrap_or(u32::MAX);
    request.headers_left_out = request.headers_left_out.saturating_add(headers);
    request.headers.clear();
    request.cookie_names.clear();
    request.body = None;
    request.curl.clear();
    request.extra.clear();
}

/// Only what every alert has.
fn least(alert: &Alert) -> Alert {
    let mut least = alert.clone();
    leave_out_others(&mut least, 0);
    let Occurrence {
        exceptions,
        thread,
        event,
        spans,
        breadcrumbs,
        earlier_breadcrumbs,
        request,
        response,
        elapsed,
        missing,
        ..
    } = Arc::make_mut(&mut least.occurrence);
    exceptions.clear();
    spans.clear();
    breadcrumbs.clear();
    *earlier_breadcrumbs = 0;
    (*thread, *event, *request, *response, *elapsed) = (None, None, None, None, None);
    *missing = vec![LEFT_OUT.to_owned()];
    least
}

/// All alerts stay counted.
fn leave_out_others(alert: &mut Alert, keep: usize) {
    let keep = keep.min(alert.also.len());
    let gone = alert.also.drain(keep..);
    alert.also_more += gone.map(|summary| summary.alerts).sum::<u64>();
}

const LEFT_OUT: &str = "most of it: the receiver takes less than the whole alert";
const MOST_OTHERS: usize = 3;
const MOST_EXCEPTIONS: usize = 4;
const MOST_FRAMES: usize = 20;
const MOST_SPANS: usize = 10;
const MAX_TEXT: usize = 1_000;
