//! Buying: where the money is, and where the bugs are.

use std::io;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;
use tower_monitor::{ErrorReport, RequestContext};

use crate::articles::{Article, euros};
use crate::cart::Cart;
use crate::customers::login_for;
use crate::html::{Page, escape, not_found, page};
use crate::sessions::{Sessions, Visitor};

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Payment {
    Invoice,
    Card,
}

#[derive(Deserialize)]
pub(crate) struct Order {
    payment: Payment,
}

pub(crate) async fn buy_one(
    context: RequestContext,
    visitor: Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let Some(article) = Article::find(&id) else {
        return not_found(visitor).await.into_response();
    };
    if visitor.session.customer.is_none() {
        return login_for(&format!("/articles/{id}")).into_response();
    }
    match buy(&context, &Cart::of(article), Payment::Invoice).await {
        Ok(cents) => thank(cents).into_response(),
        Err(down) => down.into_response(),
    }
}

pub(crate) async fn buy_cart(
    context: RequestContext,
    State(sessions): State<Sessions>,
    Extension(visitor): Extension<Visitor>,
    Form(order): Form<Order>,
) -> Response {
    let cart = &visitor.session.cart;
    if visitor.session.customer.is_none() || cart.count() == 0 {
        return login_for("/cart").into_response();
    }
    match buy(&context, cart, order.payment).await {
        Ok(cents) => {
            let cookie = sessions.change(&visitor, |session| session.cart = Cart::default());
            (cookie, thank(cents)).into_response()
        }
        Err(down) => down.into_response(),
    }
}

/// Charges for the cart; gives what was charged.
async fn buy(context: &RequestContext, cart: &Cart, payment: Payment) -> Result<u32, GatewayDown> {
    // Whoever reads an alert wants to know what was to be bought.
    context.set_tag("payment", format!("{payment:?}").to_lowercase());
    context.set_extra("cart", cart.as_json());
    tracing::info!(articles = cart.count(), "working out the shipping");
    let cents = cart.cents() + shipping(cart);
    match payment {
        Payment::Invoice => Ok(cents),
        Payment::Card => charge_card(cents).await,
    }
}

/// Each parcel costs by its weight.
fn shipping(cart: &Cart) -> u32 {
    let grams: u32 = cart.lines().map(|(it, pieces)| it.grams * pieces).sum();
    let parcels: u32 = cart.lines().map(|(it, pieces)| it.parcels * pieces).sum();
    // The bug: whoever buys nothing but gift cards is sent no parcel at all.
    let grams_each = grams / parcels;
    let cents_each = if grams_each <= 1_000 { 390 } else { 690 };
    parcels * cents_each
}

async fn charge_card(cents: u32) -> Result<u32, GatewayDown> {
    tracing::info!(cents, gateway = GATEWAY, "charging the card");
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    Err(GatewayDown { source: refused })
}

#[derive(Debug, thiserror::Error)]
#[error("the payment gateway {GATEWAY} cannot be reached")]
struct GatewayDown {
    source: io::Error,
}

impl IntoResponse for GatewayDown {
    /// The report tells the owner why; the customer reads what it means for them.
    fn into_response(self) -> Response {
        let report = ErrorReport::of(&self);
        let text = "Cards cannot be charged right now. You were not charged, and nothing was ordered.\n\
             Please pay by invoice or try again later.\n";
        (StatusCode::SERVICE_UNAVAILABLE, Extension(report), text).into_response()
    }
}

const GATEWAY: &str = "pay.example:443";

#[derive(Deserialize)]
pub(crate) struct Paid {
    cents: u32,
}

fn thank(cents: u32) -> Redirect {
    Redirect::to(&format!("/thanks?cents={cents}"))
}

pub(crate) async fn thanks(
    Extension(visitor): Extension<Visitor>,
    axum::extract::Query(paid): axum::extract::Query<Paid>,
) -> Page {
    let name = visitor.session.customer.map_or("", |it| it.name);
    let main = format!(
        r#"<h1>Thank you{}{}</h1>
<p class="lead">We would send you an invoice over {}, shipping included, if this were not a demonstration.</p>
<p><a class="button" href="/">To the articles</a></p>"#,
        if name.is_empty() { "" } else { ", " },
        escape(name),
        euros(paid.cents),
    );
    page("Thank you", &visitor, &main)
}
