//! *What to click*: what each mishap looks like from the three sides.

use axum::Extension;

use crate::AuditFile;
use crate::html::{Page, escape, page};
use crate::sessions::Visitor;

/// One thing to try.
struct Stop {
    title: &'static str,
    click: &'static str,
    browser: &'static str,
    terminal: &'static str,
    audit: &'static str,
}

pub(crate) async fn show(
    Extension(audit_file): Extension<AuditFile>,
    Extension(visitor): Extension<Visitor>,
) -> Page {
    let stops = STOPS.iter().map(|stop| {
        let Stop {
            title,
            click,
            browser,
            terminal,
            audit,
        } = stop;
        format!(
            r#"<li class="card">
<h2>{title}</h2>
<p>{click}</p>
<dl>
<dt>In the browser</dt><dd>{browser}</dd>
<dt>On the terminal</dt><dd>{terminal}</dd>
<dt>In the audit file</dt><dd>{audit}</dd>
</dl>
</li>
"#
        )
    });
    let main = format!(
        r#"<h1>What to click</h1>
<p class="lead">Keep the terminal in sight, and follow the audit file in another one:</p>
<pre class="command" tabindex="0"><code>tail -f {file}</code></pre>
<ol class="tour">
{stops}</ol>"#,
        file = escape(&audit_file.to_string()),
        stops = stops.collect::<String>(),
    );
    page("What to click", &visitor, &main)
}

static STOPS: [Stop; 9] = [
    Stop {
        title: "Something that works",
        click: r#"Open the <a href="/articles/teapot">teapot</a>."#,
        browser: "The page. Its header <code>x-request-id</code> is the request’s id.",
        terminal: "Nothing: all is well.",
        audit: "One line, as for every request: <code>answered</code>, with route, address, status, bytes and time.",
    },
    Stop {
        title: "Somebody logs in",
        click: r#"<a href="/login?next=/tour">Log in</a> as uma@example.org with the password <code>demo</code>; once with a wrong one, if you like."#,
        browser: "Her name, at the top.",
        terminal: "Nothing. A wrong password is the visitor’s mistake (401), not the shop’s.",
        audit: "Hers is <code>user.id</code> 42, from this line on. The password is nowhere.",
    },
    Stop {
        title: "A panic",
        click: r#"Open the <a href="/articles/gift-card">gift card</a> and press “Buy now”, logged in. It is sent in no parcel, and the shop divides by the number of parcels."#,
        browser: "A quiet page without a stack trace, and a reference to quote: the request’s id.",
        terminal: "An alert: <code>panic: attempt to divide by zero</code>, file and line, who was hit, from where, what was in the cart, the way through the code, and what led up to it. Above it is what Rust itself prints of a panic.",
        audit: "The line says <code>panicked</code> and 500. The id is the one in the browser.",
    },
    Stop {
        title: "The same panic, again and again",
        click: "Press “Buy now” ten times.",
        browser: "The same page, with another reference each time.",
        terminal: "One more alert, at the tenth time: it says how many were not told one by one.",
        audit: "A line each: nothing is left out here.",
    },
    Stop {
        title: "Somebody else is down",
        click: r#"Put the <a href="/articles/teapot">teapot</a> into the cart and pay by card."#,
        browser: "503 and a sentence: cards cannot be charged right now.",
        terminal: "An alert that says more: which gateway, and why it could not be reached.",
        audit: "The line says <code>failed</code> and 503.",
    },
    Stop {
        title: "A <code>?</code> that fails",
        click: r#"Open the <a href="/reports/returns">returns</a>. Somebody typed a letter for a number."#,
        browser: "The same quiet page as for a panic.",
        terminal: "An alert: <code>BadRow: row 3 of the returns is not right</code>, caused by <code>ParseIntError</code>, with the place of the <code>?</code>, and the rows that were read before.",
        audit: "The line says <code>failed</code> and 500.",
    },
    Stop {
        title: "A download breaks off",
        click: r#"Download the <a href="/reports/stock.csv">stock as CSV</a>. After the third row the warehouse is gone."#,
        browser: "A failed download. With <code>curl</code>: three rows, then “transfer closed with outstanding read data remaining”.",
        terminal: "An alert: <code>the response broke off</code>, and why.",
        audit: "The line says <code>body_broken</code>, with status 200: that went out before.",
    },
    Stop {
        title: "A visitor loses patience",
        click: r#"Open the <a href="/reports/sales">sales</a>, which take six seconds, and press Esc or go back before June is there."#,
        browser: "Some of the months.",
        terminal: "Nothing: it is no failure.",
        audit: "The line says <code>abandoned</code>, when, and how many bytes had gone out. When you wait, it says <code>answered</code>.",
    },
    Stop {
        title: "Closing time",
        click: "Press Ctrl-C on the terminal.",
        browser: "The next page cannot be reached.",
        terminal: "“Everything delivered: true”: alerts that were on their way have arrived.",
        audit: "Every line is there.",
    },
];
