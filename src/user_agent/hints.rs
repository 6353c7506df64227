//! `Sec-CH-UA*`: what Chromium tells beside the frozen agent string (User-Agent Client Hints, WICG).

use std::borrow::Cow;

use super::{Device, Product, UserAgent, clean};
use crate::text;

/// The hints of one request, as they were sent. All are structured fields (RFC 8941).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClientHints<'h> {
    pub(crate) brands: Option<&'h str>,
    pub(crate) full_version_list: Option<&'h str>,
    pub(crate) platform: Option<&'h str>,
    pub(crate) platform_version: Option<&'h str>,
    pub(crate) mobile: Option<&'h str>,
    pub(crate) model: Option<&'h str>,
    pub(crate) architecture: Option<&'h str>,
}

impl<'h> ClientHints<'h> {
    /// Takes the hints out of a request's headers; `header` finds one by its name in lower case.
    pub(crate) fn take(header: impl Fn(&'static str) -> Option<&'h str>) -> Self {
        Self {
            brands: header("sec-ch-ua"),
            full_version_list: header("sec-ch-ua-full-version-list"),
            platform: header("sec-ch-ua-platform"),
            platform_version: header("sec-ch-ua-platform-version"),
            mobile: header("sec-ch-ua-mobile"),
            model: header("sec-ch-ua-model"),
            architecture: header("sec-ch-ua-arch"),
        }
    }

    /// Says more precisely what the agent string left open.
    pub(super) fn refine(&self, found: &mut UserAgent) {
        if let Some(product) = self.browser() {
            // An app names only its engine in the brands: then the agent string knows more.
            let finer = found.browser.as_ref().is_none_or(|browser| {
                browser.name == product.name || ["Chrome", "Chromium"].contains(&&*browser.name)
            });
            if finer {
                if product.name == "HeadlessChrome" {
                    found.device = Device::Bot;
                }
                let plain = found.browser.replace(product);
                let other = plain.filter(|plain| {
                    found
                        .browser
                        .as_ref()
                        .is_some_and(|now| now.name != plain.name)
                });
                found.engine = found.engine.take().or(other);
            }
        }
        self.refine_system(found);
        match (self.mobile.map(str::trim), found.device) {
            (Some("?1"), Device::Unknown | Device::Desktop | Device::Tablet) => {
                found.device = Device::Mobile
            }
            (Some("?0"), Device::Unknown) => {
                let android = found.os.as_ref().is_some_and(|os| os.name == "Android");
                found.device = if android {
                    Device::Tablet
                } else {
                    Device::Desktop
                };
            }
            _ => {}
        }
        let own = |hint: Option<&str>| {
            Some(clean(&string(hint?)?, MAX_STRING)).filter(|text| !text.is_empty())
        };
        found.model = own(self.model).or(found.model.take());
        found.architecture = own(self.architecture);
    }

    /// The brand that says the most: neither the made-up one nor the engine's.
    fn browser(&self) -> Option<Product> {
        let list = self.full_version_list.or(self.brands)?;
        let mut best: Option<(u8, Product)> = None;
        for (brand, version) in brands(list) {
            let (rank, name) = match &*brand {
                made_up if is_grease(made_up) => continue,
                "Chromium" => (0, "Chromium".into()),
                "Google Chrome" => (1, "Chrome".into()),
                "Microsoft Edge" => (2, "Edge".into()),
                "YaBrowser" | "Yandex" => (2, "Yandex Browser".into()),
                _ => (2, Cow::Owned(clean(&brand, MAX_STRING))),
            };
            if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                best = Some((rank, Product::new(name, version.as_deref())));
            }
        }
        best.map(|(_, product)| product)
    }

    fn refine_system(&self, found: &mut UserAgent) {
        let Some(platform) = self.platform.and_then(string) else {
            return;
        };
        let name: Cow<'static, str> = match platform.trim() {
            "" | "Unknown" => return,
            "Chrome OS" | "Chromium OS" => "ChromeOS".into(),
            "Windows" => "Windows".into(),
            "macOS" => "macOS".into(),
            "Android" => "Android".into(),
            "Linux" => "Linux".into(),
            other => Cow::Owned(clean(other, MAX_STRING)),
        };
        let told = self.platform_version.and_then(string);
        let told = told.as_deref().filter(|version| !version.is_empty());
        let version = match &*name {
            "Windows" => told.and_then(windows),
            // The kernel's version, or nothing.
            "Linux" => None,
            _ => told,
        };
        match &mut found.os {
            Some(os) if os.name == name => {
                if let Some(version) = version {
                    *os = Product::new(name, Some(version));
                }
            }
            // An Ubuntu says `Linux` in its hints.
            Some(_) if name == "Linux" => {}
            os => {
                if name == "Windows" || name == "macOS" || name == "Linux" || name == "ChromeOS" {
                    found.device = Device::Desktop;
                }
                *os = Some(Product::new(name, version));
            }
        }
    }
}

/// Windows by the version of its API contract, as Microsoft documents it for this hint.
fn windows(version: &str) -> Option<&'static str> {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    match (numbers.next()??, numbers.next().flatten()) {
        (0, Some(1)) => Some("7"),
        (0, Some(2)) => Some("8"),
        (0, Some(3)) => Some("8.1"),
        (1..=12, _) => Some("10"),
        (13.., _) => Some("11"),
        _ => None,
    }
}

/// Whether the brand is made up to keep readers honest: `Not/A)Brand`, `Not A;Brand`, … in every punctuation.
fn is_grease(brand: &str) -> bool {
    let letters = brand
        .bytes()
        .filter(u8::is_ascii_alphabetic)
        .map(|byte| byte.to_ascii_lowercase());
    letters.eq("notabrand".bytes())
}

/// A structured string; lenient to those who forget the quotes.
fn string(hint: &str) -> Option<Cow<'_, str>> {
    let hint = text::cut(hint.trim(), MAX_LIST);
    match hint.strip_prefix('"') {
        Some(rest) => quoted(rest).map(|(value, _)| value),
        None => Some(Cow::Borrowed(hint)),
    }
}

/// The members of a list of strings with their parameter `v`. What follows a mistake is not read.
fn brands(list: &str) -> impl Iterator<Item = (Cow<'_, str>, Option<Cow<'_, str>>)> {
    let mut rest = text::cut(list, MAX_LIST);
    std::iter::from_fn(move || {
        let (brand, mut behind) = quoted(
            rest.trim_start_matches([' ', '\t', ','])
                .strip_prefix('"')?,
        )?;
        let mut version = None;
        while let Some(parameter) = behind.trim_start().strip_prefix(';') {
            let (key, value) = parameter
                .trim_start()
                .split_once('=')
                .unwrap_or((parameter, ""));
            let (value, after) = match value.strip_prefix('"') {
                Some(value) => quoted(value)?,
                None => {
                    let end = value.find([',', ';']).unwrap_or(value.len());
                    (Cow::Borrowed(value[..end].trim()), &value[end..])
                }
            };
            if key == "v" {
                version = Some(value);
            }
            behind = after;
        }
        rest = behind;
        Some((brand, version))
    })
    .take(MAX_BRANDS)
}

/// The string up to the closing quote, and what follows it.
fn quoted(rest: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut escaped = false;
    let end = rest.bytes().position(|byte| {
        let end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        end
    })?;
    let value = &rest[..end];
    let value = if value.contains('\\') {
        Cow::Owned(value.replace("\\\"", "\"").replace("\\\\", "\\"))
    } else {
        Cow::Borrowed(value)
    };
    Some((value, &rest[end + 1..]))
}

/// Chromium sends three brands of some 20 bytes.
const MAX_LIST: usize = 512;
const MAX_BRANDS: usize = 16;
const MAX_STRING: usize = 64;
