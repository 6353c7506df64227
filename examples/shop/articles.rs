//! What is sold, and the pages that show it.

use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};

use crate::html::{Page, escape, not_found, page};
use crate::pictures;
use crate::sessions::Visitor;

/// Something to buy.
pub(crate) struct Article {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    about: &'static str,
    picture: &'static str,
    pub(crate) cents: u32,
    pub(crate) grams: u32,
    /// How many parcels it is sent in.
    pub(crate) parcels: u32,
}

pub(crate) static ARTICLES: [Article; 6] = [
    Article {
        id: "teapot",
        name: "Teapot",
        about: "Short and stout. Pours when tipped over. Will not make coffee.",
        picture: pictures::TEAPOT,
        cents: 3400,
        grams: 900,
        parcels: 1,
    },
    Article {
        id: "mugs",
        name: "Two mugs",
        about: "One for you, one for whoever has just fixed the build.",
        picture: pictures::MUGS,
        cents: 1950,
        grams: 700,
        parcels: 1,
    },
    Article {
        id: "lamp",
        name: "Reading lamp",
        about: "Warm light for long nights. Shade and foot come in two parcels.",
        picture: pictures::LAMP,
        cents: 7900,
        grams: 2_400,
        parcels: 2,
    },
    Article {
        id: "notebook",
        name: "Notebook “<Draft & Co>”",
        about: "192 pages, dotted. The name is written just like that: < & >.",
        picture: pictures::NOTEBOOK,
        cents: 1290,
        grams: 350,
        parcels: 1,
    },
    Article {
        id: "plant",
        name: "House plant",
        about: "Forgives everything except too much water.",
        picture: pictures::PLANT,
        cents: 2400,
        grams: 1_600,
        parcels: 1,
    },
    Article {
        id: "gift-card",
        name: "Gift card",
        about: "Comes by email, at once and without any parcel. What could go wrong?",
        picture: pictures::GIFT_CARD,
        cents: 5000,
        grams: 0,
        parcels: 0,
    },
];

impl Article {
    pub(crate) fn find(id: &str) -> Option<&'static Self> {
        ARTICLES.iter().find(|article| article.id == id)
    }
}

pub(crate) async fn list(Extension(visitor): Extension<Visitor>) -> Page {
    let cards = ARTICLES.iter().map(|article| {
        format!(
            r#"<li class="card article">{picture}<h2><a href="/articles/{id}">{name}</a></h2><p class="price">{price}</p></li>
"#,
            picture = article.picture,
            id = article.id,
            name = escape(article.name),
            price = euros(article.cents),
        )
    });
    let main = format!(
        r#"<h1>Six good things</h1>
<p class="lead">A shop in which some things break on purpose. <a href="/tour">What to click</a> says which.</p>
<ul class="grid">
{}</ul>"#,
        cards.collect::<String>()
    );
    page("Articles", &visitor, &main)
}

pub(crate) async fn show(visitor: Extension<Visitor>, Path(id): Path<String>) -> Response {
    let Some(article) = Article::find(&id) else {
        return not_found(visitor).await.into_response();
    };
    let main = format!(
        r#"<div class="detail">
<div class="card picture">{picture}</div>
<div>
<h1>{name}</h1>
<p class="lead">{about}</p>
<p class="price">{price}</p>
<div class="actions">
<form method="post" action="/buy/{id}"><button>Buy now</button></form>
<form method="post" action="/cart"><input type="hidden" name="article" value="{id}"><button class="second">Put into the cart</button></form>
</div>
<p class="hint">“Buy now” is paid by invoice, and needs you to be logged in.</p>
</div>
</div>"#,
        picture = article.picture,
        id = article.id,
        name = escape(article.name),
        about = escape(article.about),
        price = euros(article.cents),
    );
    page(article.name, &visitor, &main).into_response()
}

/// `€34.00`
pub(crate) fn euros(cents: u32) -> String {
    format!("€{}.{:02}", cents / 100, cents % 100)
}
