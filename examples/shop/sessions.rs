//! Who visits: a cookie, and what the shop remembers about it in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_monitor::RequestContext;
use uuid::Uuid;

use crate::cart::Cart;
use crate::customers::Customer;

/// Every session. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<Uuid, Session>>>);

/// What the shop remembers of one visitor.
#[derive(Clone, Default)]
pub(crate) struct Session {
    pub(crate) customer: Option<&'static Customer>,
    pub(crate) cart: Cart,
}

/// The visitor who made a request.
#[derive(Clone)]
pub(crate) struct Visitor {
    /// Whoever knows it is logged in. By its name it is never shown among the variables of a failure.
    session_key: Option<Uuid>,
    pub(crate) session: Session,
}

/// The header that gives a visitor their session.
pub(crate) type Cookie = [(HeaderName, String); 1];

/// The middleware that finds out who visits and tells the monitor.
pub(crate) async fn recognise(
    State(sessions): State<Sessions>,
    context: RequestContext,
    mut request: Request,
    next: Next,
) -> Response {
    let visitor = sessions.visitor(request.headers());
    if let Some(customer) = visitor.session.customer {
        context.set_user(customer.as_user());
    }
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

impl Sessions {
    fn visitor(&self, headers: &HeaderMap) -> Visitor {
        let session_key = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .find_map(|cookie| cookie.trim().strip_prefix("session="))
            .and_then(|session_key| session_key.parse().ok());
        let session = session_key.and_then(|session_key| self.all().get(&session_key).cloned());
        Visitor {
            session_key: session_key.filter(|_| session.is_some()),
            session: session.unwrap_or_default(),
        }
    }

    /// Changes a visitor's session.
    pub(crate) fn change(&self, visitor: &Visitor, change: impl FnOnce(&mut Session)) -> Cookie {
        let session_key = visitor.session_key.unwrap_or_else(Uuid::new_v4);
        let mut all = self.all();
        make_room(&mut all);
        change(all.entry(session_key).or_default());
        cookie(session_key)
    }

    /// Changes a visitor's session and gives it another key: one that was known before they logged in is worth nothing after.
    pub(crate) fn renew(&self, visitor: &Visitor, change: impl FnOnce(&mut Session)) -> Cookie {
        let mut session = visitor.session.clone();
        change(&mut session);
        let session_key = Uuid::new_v4();
        let mut all = self.all();
        if let Some(old) = visitor.session_key {
            all.remove(&old);
        }
        make_room(&mut all);
        all.insert(session_key, session);
        cookie(session_key)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Uuid, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A demonstration forgets everybody before it fills the memory.
fn make_room(all: &mut HashMap<Uuid, Session>) {
    if all.len() >= 10_000 {
        all.clear();
    }
}

/// `SameSite` keeps other sites from using the session; nothing here is changed by a GET.
fn cookie(session_key: Uuid) -> Cookie {
    let cookie = format!("session={session_key}; Path=/; HttpOnly; SameSite=Lax");
    [(header::SET_COOKIE, cookie)]
}
