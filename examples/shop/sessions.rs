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
    key: Option<Uuid>,
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
        let key = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .find_map(|cookie| cookie.trim().strip_prefix("session="))
            .and_then(|key| key.parse().ok());
        let session = key.and_then(|key| self.all().get(&key).cloned());
        Visitor {
            key: key.filter(|_| session.is_some()),
            session: session.unwrap_or_default(),
        }
    }

    /// Changes a visitor's session.
    pub(crate) fn change(&self, visitor: &Visitor, change: impl FnOnce(&mut Session)) -> Cookie {
        let key = visitor.key.unwrap_or_else(Uuid::new_v4);
        let mut all = self.all();
        make_room(&mut all);
        change(all.entry(key).or_default());
        cookie(key)
    }

    /// Changes a visitor's session and gives it another key: one that was known before they logged in is worth nothing after.
    pub(crate) fn renew(&self, visitor: &Visitor, change: impl FnOnce(&mut Session)) -> Cookie {
        let mut session = visitor.session.clone();
        change(&mut session);
        let key = Uuid::new_v4();
        let mut all = self.all();
        if let Some(old) = visitor.key {
            all.remove(&old);
        }
        make_room(&mut all);
        all.insert(key, session);
        cookie(key)
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
fn cookie(key: Uuid) -> Cookie {
    let cookie = format!("session={key}; Path=/; HttpOnly; SameSite=Lax");
    [(header::SET_COOKIE, cookie)]
}
