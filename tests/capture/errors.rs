//! Errors that a handler gives back with `?`: their chains, their places, their stacks.

use std::error::Error;
use std::fmt;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use eyre::WrapErr;
use tower::ServiceExt;
use tower_monitor::{Kind, RequestContext, ServerError};

use crate::support::{app_function, chain, get as request, text, watched};

#[derive(Debug)]
pub(crate) struct NoPrice(pub(crate) std::num::ParseIntError);

impl NoPrice {
    pub(crate) fn new() -> Self {
        Self("x".parse::<u8>().unwrap_err())
    }
}

impl fmt::Display for NoPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the article has no price")
    }
}

impl Error for NoPrice {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// Gives the error back with `?`, and notes the line where it does.
macro_rules! fails {
    ($name:ident, $error:expr) => {
        async fn $name(context: RequestContext) -> Result<(), ServerError> {
            context.set_tag("place", line!().to_string());
            Err($error)?;
            Ok(())
        }
    };
}

fails! { standard, "x".parse::<u8>().unwrap_err() }
fails! { own, NoPrice::new() }
fails! { input, std::fs::read("/nonexistent/prices").unwrap_err() }
fails! { string, "no price left".to_owned() }
fails! { words, "no price at all" }
fails! { boxed, Box::<dyn Error + Send + Sync>::from(NoPrice::new()) }
fails! { any, anyhow::Error::new(NoPrice::new()).context("the cart cannot be shown") }
fails! { report, Err::<(), _>(NoPrice::new()).wrap_err("the cart cannot be shown").unwrap_err() }

const NO_DIGIT: &str = "invalid digit found in string";
const NO_PRICE: &str = "the article has no price";

#[tokio::test]
async fn every_error_is_told_with_its_chain_its_place_and_its_stack() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route("/standard", get(standard))
        .route("/own", get(own))
        .route("/input", get(input))
        .route("/string", get(string))
        .route("/words", get(words))
        .route("/boxed", get(boxed))
        .route("/any", get(any))
        .route("/report", get(report))
        .layer(watched.monitor.layer());
    let parse = "core::num::error::ParseIntError";
    let cart = "the cart cannot be shown";
    let expected: [(&str, &[(&str, &str)]); 8] = [
        ("standard", &[(parse, NO_DIGIT)]),
        (
            "own",
            &[
                ("capture::errors::NoPrice", NO_PRICE),
                ("ParseIntError", NO_DIGIT),
            ],
        ),
        (
            "input",
            &[(
                "std::io::error::Error",
                "No such file or directory (os error 2)",
            )],
        ),
        ("string", &[("error", "no price left")]),
        ("words", &[("error", "no price at all")]),
        (
            "boxed",
            &[("NoPrice", NO_PRICE), ("ParseIntError", NO_DIGIT)],
        ),
        (
            "any",
            &[
                ("error", cart),
                ("NoPrice", NO_PRICE),
                ("ParseIntError", NO_DIGIT),
            ],
        ),
        (
            "report",
            &[
                ("error", cart),
                ("NoPrice", NO_PRICE),
                ("ParseIntError", NO_DIGIT),
            ],
        ),
    ];
    for (name, exceptions) in expected {
        let path = format!("/{name}");
        let response = app.clone().oneshot(request(&path)).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = text(response).await;
        for (_, message) in exceptions {
            assert!(!body.contains(message), "{name}: {body}");
        }
        let occurrence = watched.occurrence().await;
        assert_eq!(occurrence.kind, Kind::ServerError, "{name}");
        assert_eq!(chain(&occurrence), exceptions, "{name}");
        let location = occurrence.exceptions[0].location.as_ref().unwrap();
        let seen = occurrence.request.as_ref().unwrap();
        assert_eq!(location.file(), "tests/capture/errors.rs", "{name}");
        assert_eq!(location.line().to_string(), seen.tags["place"], "{name}");
        assert_eq!(
            app_function(&occurrence),
            format!("capture::errors::{name}")
        );
        assert!(occurrence.missing.is_empty(), "{:?}", occurrence.missing);
        assert_eq!(seen.route.as_deref(), Some(&*path));
        assert!(occurrence.elapsed.is_some() && occurrence.thread.is_some());
    }
    assert_eq!(watched.monitor.losses().total(), 0);
}

fn deep(article: &str) -> Result<u8, Box<dyn Error + Send + Sync>> {
    Ok(article.parse::<u8>().map_err(NoPrice)?)
}

#[tokio::test]
async fn the_place_is_that_of_the_last_question_mark_on_the_way_out() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/",
            get(|context: RequestContext| async move {
                context.set_tag("place", (line!() + 1).to_string());
                let price = deep("gift card")?;
                Ok::<_, ServerError>(price.to_string())
            }),
        )
        .layer(watched.monitor.layer());
    let _ = text(app.oneshot(request("/")).await.unwrap()).await;
    let occurrence = watched.occurrence().await;
    assert_eq!(chain(&occurrence)[0], ("NoPrice", NO_PRICE));
    let location = occurrence.exceptions[0].location.as_ref().unwrap();
    let tags = &occurrence.request.as_ref().unwrap().tags;
    assert_eq!(location.line().to_string(), tags["place"]);
}

#[tokio::test]
async fn an_error_in_middleware_is_told_as_well() {
    let watched = watched(|builder| builder);
    async fn check(
        _: axum::extract::Request,
        _: axum::middleware::Next,
    ) -> Result<(), ServerError> {
        Err("the session store is gone")?
    }
    let app = Router::new()
        .route("/", get(|| async {}))
        .layer(axum::middleware::from_fn(check))
        .layer(watched.monitor.layer());
    let response = app.oneshot(request("/")).await.unwrap();
    assert_eq!(response.status(), 500);
    let _ = text(response).await;
    let occurrence = watched.occurrence().await;
    assert_eq!(chain(&occurrence), [("error", "the session store is gone")]);
    assert!(
        app_function(&occurrence).ends_with("check"),
        "{occurrence:#?}"
    );
}
