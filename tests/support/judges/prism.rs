//! Prism, which answers as an OpenAPI description says, and refuses what that does not allow: <https://stoplight.io/open-source/prism>.

use super::server::{Server, port_after};
use super::{folder, here, node_js};

/// A vendor's API as its description has it. 401 without the right authorisation, 415 for another type of body, 422 or 400 for
/// fields that are missing or wrong, with the reason in the body; a request with `Prefer: code=429` is answered so.
pub struct Prism {
    server: Server,
    port: u16,
}

impl Prism {
    /// `spec` is the name of a file in `tests/judges/specs`. `None`, and the reason on the terminal, where there is no Prism.
    pub fn start(spec: &str) -> Option<Self> {
        let mut prism = here("prism", node_js())?;
        prism
            .arg(folder().join("node_modules/@stoplight/prism-cli/dist/index.js"))
            .args(["mock", "--multiprocess", "false"])
            .args(["--host", "127.0.0.1", "--port", "0"])
            .arg(folder().join("specs").join(spec));
        let mut server = Server::start(tempfile::tempdir().unwrap(), "KILL", prism);
        let port = server.started("Prism", |log| {
            port_after(log, "Prism is listening on http://127.0.0.1:")
        });
        Some(Self { server, port })
    }

    /// Without a slash at the end: `http://127.0.0.1:4010`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Each request with what was wrong about it.
    pub fn log(&self) -> String {
        self.server.log()
    }
}
