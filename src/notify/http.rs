//! The HTTP client of the notifiers: one POST with limits on everything.
//!
//! Redirects are never followed: webhooks carry their secret in the URL. For the same reason an error names only scheme
//! and host.

pub(crate) mod answer;
#[cfg(any(feature = "otlp", feature = "webhook"))]
mod custom;
mod endpoint;
mod failure;
#[cfg(any(feature = "slack", feature = "telegram"))]
mod json;
#[cfg(any(feature = "discord", feature = "rollbar", feature = "sentry"))]
mod pause;
mod secrets;
#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;
pub(crate) mod url;

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, PROXY_AUTHORIZATION};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout, timeout_at};
use tower_service::Service;

pub(crate) use answer::{HttpAnswer, classify};
#[cfg(any(feature = "otlp", feature = "webhook"))]
pub(crate) use custom::with_custom;
pub(crate) use endpoint::{Endpoint, Target, base_headers};
pub(crate) use failure::Failure;
#[cfg(any(feature = "slack", feature = "telegram"))]
pub(crate) use json::json;
#[cfg(any(feature = "discord", feature = "rollbar", feature = "sentry"))]
pub(crate) use pause::Pause;

use failure::Problem;
use secrets::Secrets;

use super::NotifyError;
use crate::redact::Secret;
use crate::text::shortened;
use crate::tls;

/// How long a connection may take to come about: name lookup, proxy and TLS included.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How long a whole call may take, from the name lookup to the end of the answer: less than the 10 s that
/// [one try](crate::Builder::notify_time_limit) has, so that what is known of a call is not lost.
pub const CALL_LIMIT: Duration = Duration::from_secs(8);

/// How long the body of an answer may take, once the status is there.
const BODY_LIMIT: Duration = Duration::from_secs(2);

/// How much of an answer's body is read.
pub(crate) const ANSWER_LIMIT: usize = 64 * 1024;

/// Sends requests over connections of their own: alerts are rare, so a pool would mostly hold connections that the other
/// end has closed, and each of those would cost a failed try.
pub(crate) struct HttpClient {
    tls: Arc<ClientConfig>,
    proxies: Option<Matcher>,
    connect_limit: Duration,
    call_limit: Duration,
    body_limit: Duration,
}

impl HttpClient {
    /// A client that connects directly. It trusts the system's root certificates or, where there are none, Mozilla's.
    ///
    /// # Errors
    ///
    /// When TLS cannot be set up.
    pub(crate) fn new() -> Result<Self, String> {
        Ok(Self::with(tls::config(None)?, None))
    }

    /// A client that obeys `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` as they are now, in upper or lower
    /// case. User and password in a proxy's URL are sent to it as Basic authorization. This machine is reached directly.
    pub(crate) fn with_env_proxy() -> Result<Self, String> {
        Ok(Self::with(tls::config(None)?, Some(Matcher::from_env())))
    }

    fn with(tls: ClientConfig, proxies: Option<Matcher>) -> Self {
        Self {
            tls: Arc::new(tls),
            proxies,
            connect_limit: CONNECT_LIMIT,
            call_limit: CALL_LIMIT,
            body_limit: BODY_LIMIT,
        }
    }

    /// Whether a proxy that `url` has to go through can be used.
    pub(crate) fn check(&self, url: &Uri) -> Result<(), String> {
        self.route(url).map(|_| ())
    }

    /// Sends one request and reads the answer, up to [`ANSWER_LIMIT`].
    ///
    /// Once the status is there, it is the answer: a body that breaks off or takes too long ends where it does, because
    /// the destination has decided. Where the body repeats what is secret (the URL beyond the host, the values of
    /// headers marked as sensitive, `others`, the login at the proxy), `[redacted]` stands instead.
    ///
    /// # Errors
    ///
    /// A temporary one when no answer came: no connection, a broken one, a time limit.
    pub(crate) async fn post(
        &self,
        url: &Uri,
        headers: HeaderMap,
        body: Bytes,
        others: &[Secret],
    ) -> Result<HttpAnswer, Failure> {
        let route = self.route(url);
        let login = route.as_ref().ok().and_then(Route::login);
        let secrets = Secrets::of(url, &headers, others, login);
        let exchanged = match &route {
            Ok(route) => self.exchange(route, url, headers, body).await,
            Err(problem) => Err(problem.clone().into()),
        };
        match exchanged {
            Ok(mut answer) => {
                answer.body = secrets.struck_from(answer.body);
                Ok(answer)
            }
            Err(Problem { words, is_sent }) => {
                let words = secrets.struck_from_text(&words);
                let message = format!("{}: {}", url::origin(url), shortened(&words, 300));
                let error = NotifyError::temporary(message);
                Err(match is_sent {
                    true => Failure::Unanswered(error),
                    false => Failure::Unsent(error),
                })
            }
        }
    }

    async fn exchange(
        &self,
        route: &Route,
        url: &Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<HttpAnswer, Problem> {
        let deadline = Instant::now() + self.call_limit;
        let request = request(route, url, headers, body)?;
        let stream = timeout(self.connect_limit, self.connect(route, url))
            .await
            .map_err(|_| {
                format!(
                    "no connection{} within {:?}",
                    route.via(),
                    self.connect_limit
                )
            })?
            .map_err(|error| format!("could not connect{}: {}", route.via(), chain(&*error)))?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(ANSWER_LIMIT)
            .handshake(stream)
            .await
            .map_err(|error| chain(&error))?;

        let mut exchange = pin!(async {
            let answer = timeout_at(deadline, sender.send_request(request))
                .await
                .map_err(|_| Problem::after(format!("no answer within {:?}", self.call_limit)))?
                .map_err(|error| Problem::after(format!("no answer: {}", chain(&error))))?;
            let (head, body) = answer.into_parts();
            let deadline = deadline.min(Instant::now() + self.body_limit);
            Ok(HttpAnswer {
                status: head.status,
                headers: head.headers,
                body: read(body, deadline).await,
            })
        });
        // Nothing is spawned: when the caller gives up, the connection is gone with the call.
        tokio::select! {
            answer = &mut exchange => answer,
            _ = connection => exchange.await,
        }
    }

    fn route(&self, url: &Uri) -> Result<Route, String> {
        // To a proxy, its own machine would be meant.
        let proxies = self.proxies.as_ref().filter(|_| !url::is_loopback(url));
        let Some(proxy) = proxies.and_then(|proxies| proxies.intercept(url)) else {
            return Ok(Route::Direct);
        };
        match proxy.uri().scheme_str() {
            Some("http" | "https") if url.scheme() == Some(&Scheme::HTTPS) => {
                Ok(Route::Tunnel(proxy))
            }
            Some("http" | "https") => Ok(Route::Forward(proxy)),
            scheme => Err(format!(
                "the proxy in the environment has the scheme `{}`; it must be http or https, as in \
                 `HTTPS_PROXY=http://proxy.example.com:3128`",
                scheme.unwrap_or_default()
            )),
        }
    }

    async fn connect(&self, route: &Route, url: &Uri) -> Result<BoxedStream, BoxError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // The limit is shared out among a name's addresses, so that a dead one leaves time for the next.
        tcp.set_connect_timeout(Some(self.connect_limit));
        let direct = HttpsConnector::from((tcp, Arc::clone(&self.tls)));
        match route {
            Route::Direct => dial(direct, url).await,
            Route::Forward(proxy) => dial(direct, proxy.uri()).await,
            Route::Tunnel(proxy) => {
                let mut tunnel = Tunnel::new(proxy.uri().clone(), direct);
                if let Some(login) = route.login() {
                    tunnel = tunnel.with_auth(login.clone());
                }
                dial(HttpsConnector::from((tunnel, Arc::clone(&self.tls))), url).await
            }
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("env_proxy", &self.proxies.is_some())
            .finish_non_exhaustive()
    }
}

enum Route {
    Direct,
    /// Plain HTTP: the proxy gets the request itself, with the whole URL in it.
    Forward(Intercept),
    Tunnel(Intercept),
}

impl Route {
    /// User and password for the proxy.
    fn login(&self) -> Option<&HeaderValue> {
        match self {
            Self::Direct => None,
            Self::Forward(proxy) | Self::Tunnel(proxy) => proxy.basic_auth(),
        }
    }

    fn via(&self) -> String {
        match self {
            Self::Direct => String::new(),
            // The matcher keeps user and password apart from the URL.
            Self::Forward(proxy) | Self::Tunnel(proxy) => {
                format!(" through the proxy {}", url::origin(proxy.uri()))
            }
        }
    }
}

trait Stream: Read + Write + Send + Unpin {}

impl<S: Read + Write + Send + Unpin> Stream for S {}

type BoxedStream = Box<dyn Stream>;
type BoxError = Box<dyn Error + Send + Sync>;

async fn dial<C>(mut connector: C, to: &Uri) -> Result<BoxedStream, BoxError>
where
    C: Service<Uri, Error = BoxError>,
    C::Response: Stream + 'static,
{
    poll_fn(|context| connector.poll_ready(context)).await?;
    Ok(Box::new(connector.call(to.clone()).await?))
}

fn request(
    route: &Route,
    url: &Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, String> {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let host = HeaderValue::from_str(authority).map_err(|error| error.to_string())?;
    let target = match (route, url.path_and_query()) {
        (Route::Forward(_), _) => url.clone(),
        (_, Some(path)) => Uri::from(path.clone()),
        (_, None) => Uri::from_static("/"),
    };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    request.headers_mut().insert(HOST, host);
    request
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    if let Route::Forward(_) = route
        && let Some(login) = route.login()
    {
        request
            .headers_mut()
            .insert(PROXY_AUTHORIZATION, login.clone());
    }
    Ok(request)
}

async fn read(mut body: hyper::body::Incoming, deadline: Instant) -> Bytes {
    let mut text = Vec::new();
    while text.len() < ANSWER_LIMIT {
        let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await else {
            break;
        };
        if let Some(data) = frame.data_ref() {
            let room = ANSWER_LIMIT - text.len();
            text.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    text.into()
}

/// What went wrong and why, from the outermost error to the innermost.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}
