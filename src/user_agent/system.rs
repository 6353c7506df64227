//! The operating system, the kind of device and its model, from the first comment of an agent string.

use super::{Device, Product, UserAgent, clean};

/// What the agent says of the machine; the browser is left open.
pub(super) fn read(agent: &str) -> UserAgent {
    let facts = Facts::of(agent);
    // Consoles and televisions say `Windows`, `Linux` and `Android` as well, Android says `Linux`, and iPhones `Mac OS X`.
    let kinds = [
        console, television, windows, harmony, android, apple, desktop,
    ];
    let mut found = kinds
        .iter()
        .find_map(|kind| kind(&facts))
        .unwrap_or_default();
    if found.device == Device::Unknown && facts.mobile {
        found.device = Device::Mobile;
    }
    found
}

/// The agent and its first comment, `X11; Linux x86_64`, which describes the machine.
struct Facts<'a> {
    agent: &'a str,
    comment: &'a str,
    mobile: bool,
}

impl<'a> Facts<'a> {
    fn of(agent: &'a str) -> Self {
        let comment = agent.split_once('(').map_or("", |(_, rest)| comment(rest));
        let mobile =
            agent.contains(" Mobile") || comment.contains("Mobile") || comment.contains("Phone");
        Self {
            agent,
            comment,
            mobile,
        }
    }

    fn has(&self, text: &str) -> bool {
        self.comment.contains(text)
    }

    /// What stands behind the first of `texts` that is there.
    fn after(&self, texts: &[&str]) -> Option<&'a str> {
        texts
            .iter()
            .find_map(|text| Some(self.comment.split_once(text)?.1))
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the kinds are tried one after the other"
)]
fn machine(
    os: &'static str,
    version: Option<&str>,
    device: Device,
    model: Option<&str>,
) -> Option<UserAgent> {
    let mut os = Product::new(os, version);
    os.version = os.version.map(|version| version.replace('_', "."));
    Some(UserAgent {
        os: Some(os),
        device,
        model: model
            .map(|model| clean(model, MAX_MODEL))
            .filter(|model| !model.is_empty()),
        ..UserAgent::default()
    })
}

fn console(facts: &Facts<'_>) -> Option<UserAgent> {
    if facts.has("PlayStation") {
        return machine(
            "PlayStation",
            facts.after(&["; PlayStation ", "PlayStation "]),
            Device::Console,
            None,
        );
    }
    let name = ["Xbox", "Nintendo"]
        .into_iter()
        .find(|name| facts.has(name))?;
    machine(name, None, Device::Console, None)
}

fn television(facts: &Facts<'_>) -> Option<UserAgent> {
    if facts.has("Tizen") {
        let tv = facts.has("TV") || facts.agent.contains(" TV ");
        let device = if tv { Device::Tv } else { Device::Mobile };
        return machine("Tizen", facts.after(&["Tizen "]), device, None);
    }
    if facts.has("Web0S") || facts.has("webOS") {
        return machine(
            "webOS",
            facts.after(&["webOS.TV-", "webOS/"]),
            Device::Tv,
            None,
        );
    }
    if facts.agent.starts_with("AppleTV") || facts.has("Apple TV") {
        return machine("tvOS", None, Device::Tv, None);
    }
    if facts.agent.starts_with("Roku") {
        return machine("Roku", None, Device::Tv, None);
    }
    None
}

fn windows(facts: &Facts<'_>) -> Option<UserAgent> {
    if !facts.has("Windows") {
        return None;
    }
    let mut found = machine("Windows", None, Device::Desktop, None)?;
    let kernel = facts.after(&["Windows NT "]).unwrap_or_default();
    let version = match kernel.split([';', ')']).next().unwrap_or_default() {
        // Windows 11 kept the number.
        "10.0" => "10/11",
        "6.3" => "8.1",
        "6.2" => "8",
        "6.1" => "7",
        "6.0" => "Vista",
        "5.1" | "5.2" => "XP",
        _ => return Some(found),
    };
    found.os.as_mut()?.version = Some(version.to_owned());
    Some(found)
}

fn harmony(facts: &Facts<'_>) -> Option<UserAgent> {
    let version = facts.after(&["OpenHarmony", "HarmonyOS"])?;
    let device = if facts.has("Tablet") {
        Device::Tablet
    } else {
        Device::Mobile
    };
    machine("HarmonyOS", Some(version.trim_start()), device, None)
}

fn android(facts: &Facts<'_>) -> Option<UserAgent> {
    if !facts.has("Android") {
        return None;
    }
    let device = if is_tv(facts.comment) || facts.agent.contains("CrKey") {
        Device::Tv
    } else if facts.mobile || !facts.agent.starts_with("Mozilla") {
        Device::Mobile
    } else {
        // Chrome's rule: a tablet is an Android that does not say `Mobile`.
        Device::Tablet
    };
    // User-agent reduction: Chrome says `Android 10; K` on every device and version.
    let version = facts
        .after(&["Android "])
        .filter(|_| !facts.has("Android 10; K"));
    machine("Android", version, device, android_model(facts.comment))
}

fn apple(facts: &Facts<'_>) -> Option<UserAgent> {
    if facts.has("iPad") {
        let version = facts
            .after(&["CPU OS ", "iPadOS ", "iOS "])
            .filter(|_| !is_frozen_ios(facts.agent));
        // Apple's tablets had iOS before they had a system of their own.
        let old = version.is_some_and(|version| {
            ["9_", "10_", "11_", "12_"]
                .iter()
                .any(|old| version.starts_with(old))
        });
        let name = if old { "iOS" } else { "iPadOS" };
        return machine(name, version, Device::Tablet, Some("iPad"));
    }
    if facts.has("iPhone") || facts.has("iPod") {
        let version = facts
            .after(&["iPhone OS ", "iOS "])
            .filter(|_| !is_frozen_ios(facts.agent));
        let model = if facts.has("iPod") { "iPod" } else { "iPhone" };
        return machine("iOS", version, Device::Mobile, Some(model));
    }
    if facts.has("Macintosh") || facts.has("Mac OS X") || facts.has("macOS") {
        // Chrome, Safari and Firefox say 10.15 on every later macOS.
        let version = facts.after(&["Mac OS X ", "macOS "]);
        let version = version
            .filter(|version| !version.starts_with("10_15_7") && !version.starts_with("10.15"));
        return machine("macOS", version, Device::Desktop, None);
    }
    None
}

fn desktop(facts: &Facts<'_>) -> Option<UserAgent> {
    if let Some((_, version)) = facts.agent.split_once("KAIOS/") {
        return machine("KaiOS", Some(version), Device::Mobile, None);
    }
    if facts.has("CrOS") {
        // ChromeOS says 14541.0.0 everywhere.
        return machine("ChromeOS", None, Device::Desktop, None);
    }
    let names = [
        "Ubuntu", "Fedora", "Debian", "FreeBSD", "OpenBSD", "NetBSD", "Linux", "linux",
    ];
    let name = names.into_iter().find(|name| facts.has(name))?;
    let name = if name == "linux" { "Linux" } else { name };
    let device = if is_tv(facts.comment) {
        Device::Tv
    } else if facts.has("X11") || facts.has("Wayland") {
        Device::Desktop
    } else {
        Device::Unknown
    };
    machine(name, None, device, None)
}

/// The text up to the bracket that closes the comment.
fn comment(rest: &str) -> &str {
    let mut depth = 1;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &rest[..at];
        }
    }
    rest
}

/// Safari 26 says `18_6` or `18_7` on every later system.
fn is_frozen_ios(agent: &str) -> bool {
    let safari = agent.split_once(" Version/").map_or("", |(_, rest)| rest);
    let major = safari
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    (agent.contains("OS 18_6") || agent.contains("OS 18_7"))
        && major.is_some_and(|major| major >= 26)
}

/// `Android 14; de-de; SM-S928B Build/UP1A; wv` → `SM-S928B`
fn android_model(comment: &str) -> Option<&str> {
    let fields = comment.split(';').map(str::trim);
    fields
        .skip_while(|field| !field.starts_with("Android"))
        .skip(1)
        .map(|field| field.split(" Build/").next().unwrap_or(field))
        .map(|field| field.strip_prefix("SAMSUNG ").unwrap_or(field))
        .find(|field| !is_no_model(field))
}

fn is_no_model(field: &str) -> bool {
    let word = ["", "K", "U", "wv", "Mobile", "Tablet", "arm_64"].contains(&field);
    // `de` or `de-de`
    let locale = field.len() == 2 || field.len() == 5 && matches!(field.as_bytes()[2], b'-' | b'_');
    let other = ["rv:", "Build/", "HMSCore", "GMSCore", "Opera Mini"];
    word || locale || other.iter().any(|start| field.starts_with(start))
}

/// Televisions say so, but for Amazon's, whose models begin with `AFT`.
fn is_tv(comment: &str) -> bool {
    ["TV", "BRAVIA", "Chromecast", "; AFT"]
        .iter()
        .any(|word| comment.contains(word))
}

const MAX_MODEL: usize = 64;
