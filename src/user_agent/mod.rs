//! What sent the request: browser, system and device, from the `User-Agent` string and the `Sec-CH-UA*` hints.
//!
//! A few tables and one pass over the words, instead of the hundreds of patterns of a database: what people and monitors ask
//! of an agent is the product and its major version. `uap-core` judges that in the tests.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use self::hints::ClientHints;
use crate::text;

mod automated;
mod browser;
mod hints;
mod system;
mod words;

/// What sent a request, as far as it says so itself. Everything in it is a claim of the client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct UserAgent {
    /// The browser, app, bot or tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<Product>,
    /// What the browser is built on, where the agent names both: `Android WebView 132` inside of `TikTok 38`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Product>,
    /// The operating system. A version that browsers have frozen (`Android 10; K`, `Mac OS X 10_15_7`) is left out; Windows is
    /// `10/11` where only the hints could tell. `None` for bots, which borrow the systems they name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<Product>,
    /// The kind of device.
    pub device: Device,
    /// The model of the phone, tablet or television, at most 64 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The processor's architecture, where a hint tells: `x86`, `arm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
}

/// A name and, where known, its version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Product {
    /// The name, at most 64 bytes.
    pub name: Cow<'static, str>,
    /// The version as it was sent, at most 32 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The kind of device, or of program, that sent a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Device {
    /// A desktop or notebook computer.
    Desktop,
    /// A phone.
    Mobile,
    /// A tablet.
    Tablet,
    /// A television or a box beside it.
    Tv,
    /// A game console.
    Console,
    /// A crawler, a link preview, a watcher, or a browser without a person in front.
    Bot,
    /// A command-line tool, an HTTP library, a probe.
    Tool,
    /// Nothing tells.
    #[default]
    #[serde(other)]
    Unknown,
}

impl UserAgent {
    /// Reads the first [`MAX_AGENT`] bytes of `agent`, and the hints; `None` when neither tells anything.
    pub(crate) fn parse(agent: Option<&str>, hints: &ClientHints<'_>) -> Option<Self> {
        let agent = text::cut(agent.unwrap_or_default(), MAX_AGENT).trim();
        let found = automated::bot(agent).unwrap_or_else(|| {
            let mut found = system::read(agent);
            (found.browser, found.engine) = browser::of(agent);
            if found.browser.is_none() {
                automated::tool(agent, &mut found);
            }
            hints.refine(&mut found);
            found
        });
        (found != Self::default()).then_some(found)
    }

    /// Whether `agent` is that of a crawler, a link preview or a watcher.
    pub(crate) fn is_bot(agent: &str) -> bool {
        automated::bot(text::cut(agent, MAX_AGENT).trim()).is_some()
    }
}

impl Product {
    fn new(name: impl Into<Cow<'static, str>>, version: Option<&str>) -> Self {
        Self {
            name: name.into(),
            version: version.and_then(clean_version),
        }
    }

    /// A product that is in no table; its name is the client's own.
    fn foreign(name: &str, version: Option<&str>) -> Self {
        Self::new(clean(name, MAX_NAME), version)
    }

    fn major(&self) -> Option<&str> {
        let version = self.version.as_deref()?;
        let end = version.find(|c: char| !c.is_ascii_digit());
        Some(&version[..end.unwrap_or(version.len())])
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.version
            .as_ref()
            .map_or(Ok(()), |version| write!(f, " {version}"))
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
            Self::Tv => "TV",
            Self::Console => "console",
            Self::Bot => "bot",
            Self::Tool => "tool",
            Self::Unknown => "unknown",
        })
    }
}

/// `Chrome 148 on Windows 11 (desktop)`; of bots and tools the whole version.
impl fmt::Display for UserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.browser, self.device) {
            (None, _) => f.write_str("unknown browser")?,
            (Some(program), Device::Bot | Device::Tool) => write!(f, "{program}")?,
            (Some(browser), _) => {
                f.write_str(&browser.name)?;
                if let Some(major) = browser.major() {
                    write!(f, " {major}")?;
                }
            }
        }
        if let Some(os) = &self.os {
            write!(f, " on {os}")?;
        }
        match (&self.model, self.device) {
            (None, Device::Unknown) => Ok(()),
            (Some(model), Device::Unknown) => write!(f, " ({model})"),
            (Some(model), device) => write!(f, " ({model}, {device})"),
            (None, device) => write!(f, " ({device})"),
        }
    }
}

/// Text of the client that may be kept and shown: one line, within `max` bytes.
fn clean(text: &str, max: usize) -> String {
    let visible = text.chars().filter(|c| !text::is_forging(*c));
    let visible: String = visible.take(max).collect();
    text::cut(visible.trim(), max).to_owned()
}

/// The beginning of `version` that looks like one: a digit first, then what versions are made of.
fn clean_version(version: &str) -> Option<String> {
    let version = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let end = version
        .find(|c: char| !c.is_ascii_alphanumeric() && !"._-+~".contains(c))
        .unwrap_or(version.len());
    let version = text::cut(&version[..end], MAX_VERSION).trim_end_matches(['.', '_', '-']);
    version
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| version.to_owned())
}

/// Real agents have 60 to 300 bytes; in-app browsers reach 450.
const MAX_AGENT: usize = 512;
const MAX_NAME: usize = 64;
const MAX_VERSION: usize = 32;

#[cfg(test)]
mod judge;
#[cfg(test)]
mod tests;
