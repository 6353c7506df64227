//! What a visitor means to buy.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;

use crate::articles::{Article, euros};
use crate::html::{Page, escape, page};
use crate::sessions::{Sessions, Visitor};

/// Articles by their id, and how many of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cart(BTreeMap<&'static str, u32>);

impl Cart {
    pub(crate) fn of(article: &'static Article) -> Self {
        Self(BTreeMap::from([(article.id, 1)]))
    }

    pub(crate) fn add(&mut self, article: &'static Article) {
        let pieces = self.0.entry(article.id).or_default();
        *pieces = (*pieces + 1).min(MOST_PIECES);
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.values().sum()
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = (&'static Article, u32)> {
        self.0
            .iter()
            .filter_map(|(id, pieces)| Some((Article::find(id)?, *pieces)))
    }

    pub(crate) fn cents(&self) -> u32 {
        self.lines()
            .map(|(article, pieces)| article.cents * pieces)
            .sum()
    }

    /// `{"teapot": 2}`
    pub(crate) fn as_json(&self) -> serde_json::Value {
        self.0.iter().map(|(id, pieces)| (*id, *pieces)).collect()
    }
}

#[derive(Deserialize)]
pub(crate) struct Addition {
    article: String,
}

pub(crate) async fn add(
    State(sessions): State<Sessions>,
    Extension(visitor): Extension<Visitor>,
    Form(addition): Form<Addition>,
) -> Response {
    let Some(article) = Article::find(&addition.article) else {
        return (StatusCode::BAD_REQUEST, "There is no such article.").into_response();
    };
    let cookie = sessions.change(&visitor, |session| session.cart.add(article));
    (cookie, Redirect::to("/cart")).into_response()
}

pub(crate) async fn empty(
    State(sessions): State<Sessions>,
    Extension(visitor): Extension<Visitor>,
) -> impl IntoResponse {
    let cookie = sessions.change(&visitor, |session| session.cart = Cart::default());
    (cookie, Redirect::to("/cart"))
}

pub(crate) async fn show(Extension(visitor): Extension<Visitor>) -> Page {
    let cart = &visitor.session.cart;
    if cart.count() == 0 {
        let main = r#"<h1>Your cart is empty</h1>
<p><a class="button" href="/">To the articles</a></p>"#;
        return page("Cart", &visitor, main);
    }
    let rows = cart.lines().map(|(article, pieces)| {
        format!(
            r#"<tr><th scope="row"><a href="/articles/{id}">{name}</a></th><td>{pieces}</td><td>{price}</td></tr>
"#,
            id = article.id,
            name = escape(article.name),
            price = euros(article.cents * pieces),
        )
    });
    let main = format!(
        r#"<h1>Your cart</h1>
<table class="bill">
<thead><tr><th scope="col">Article</th><th scope="col">Pieces</th><th scope="col">Price</th></tr></thead>
<tbody>
{rows}</tbody>
<tfoot><tr><th scope="row" colspan="2">Together, without shipping</th><td>{total}</td></tr></tfoot>
</table>
<form method="post" action="/checkout" class="card">
<fieldset>
<legend>How will you pay?</legend>
<label><input type="radio" name="payment" value="invoice" checked> By invoice</label>
<label><input type="radio" name="payment" value="card"> By card <span class="hint">(the gateway is down today: see what happens)</span></label>
</fieldset>
<button>Buy</button>
</form>
<form method="post" action="/cart/empty"><button class="plain">Empty the cart</button></form>"#,
        rows = rows.collect::<String>(),
        total = euros(cart.cents()),
    );
    page("Cart", &visitor, &main)
}

/// Keeps prices far from the end of `u32`.
const MOST_PIECES: u32 = 99;
