//! The customers, and how they log in and out.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;
use tower_monitor::{RequestContext, User};

use crate::html::{Page, escape, page};
use crate::sessions::{Session, Sessions, Visitor};

/// Somebody with an account.
pub(crate) struct Customer {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) email: &'static str,
}

impl Customer {
    /// What the monitor is told of them.
    pub(crate) fn as_user(&self) -> User {
        User::new(self.id).name(self.name).email(self.email)
    }
}

static CUSTOMERS: [Customer; 2] = [
    Customer {
        id: "42",
        name: "Uma Berg",
        email: "uma@example.org",
    },
    Customer {
        id: "43",
        name: "Carlos d’Aosta",
        email: "carlos@example.org",
    },
];

/// Every customer's: a demonstration may.
const PASSWORD: &str = "demo";

#[derive(Default, Deserialize)]
pub(crate) struct Target {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(crate) struct Credentials {
    email: String,
    password: String,
    next: String,
}

pub(crate) async fn form(
    Extension(visitor): Extension<Visitor>,
    Query(target): Query<Target>,
) -> Page {
    show_form(&visitor, &target.next, CUSTOMERS[0].email, "")
}

pub(crate) async fn log_in(
    State(sessions): State<Sessions>,
    Extension(visitor): Extension<Visitor>,
    context: RequestContext,
    Form(given): Form<Credentials>,
) -> Response {
    let known = CUSTOMERS
        .iter()
        .find(|customer| customer.email == given.email.trim());
    match known.filter(|_| given.password == PASSWORD) {
        Some(customer) => {
            // The middleware could not know yet: without this, the audit record of the login names nobody.
            context.set_user(customer.as_user());
            let cookie = sessions.renew(&visitor, |session| session.customer = Some(customer));
            (cookie, Redirect::to(own_page(&given.next))).into_response()
        }
        None => {
            let wrong = r#"<p class="error" id="error" role="alert">This email and this password do not belong together.</p>"#;
            let again = show_form(&visitor, &given.next, &given.email, wrong);
            (StatusCode::UNAUTHORIZED, again).into_response()
        }
    }
}

pub(crate) async fn log_out(
    State(sessions): State<Sessions>,
    Extension(visitor): Extension<Visitor>,
) -> impl IntoResponse {
    let cookie = sessions.renew(&visitor, |session| *session = Session::default());
    (cookie, Redirect::to("/"))
}

/// Where somebody logs in who wanted to see `page`.
pub(crate) fn login_for(page: &str) -> Redirect {
    Redirect::to(&format!("/login?next={page}"))
}

fn show_form(visitor: &Visitor, next: &str, email: &str, message: &str) -> Page {
    let described = if message.is_empty() {
        ""
    } else {
        r#" aria-invalid="true" aria-describedby="error""#
    };
    let (next, email) = (escape(next), escape(email));
    let main = format!(
        r#"<div class="narrow">
<h1>Log in</h1>
{message}
<form method="post" action="/login" class="card fields">
<input type="hidden" name="next" value="{next}">
<label for="email">Email</label>
<input id="email" name="email" type="email" autocomplete="username" required value="{email}"{described}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required{described}>
<button>Log in</button>
</form>
<p class="hint">Two people have accounts: <b>uma@example.org</b> and <b>carlos@example.org</b>. The password of both is <b>demo</b>.</p>
</div>"#
    );
    page("Log in", visitor, &main)
}

/// The page to go to after logging in: one of this shop, whatever a forged link says.
fn own_page(next: &str) -> &str {
    let mut bytes = next.bytes();
    let is_path = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
    if is_path && next.bytes().all(|byte| byte.is_ascii_graphic()) {
        next
    } else {
        "/"
    }
}
