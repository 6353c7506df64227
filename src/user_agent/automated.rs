//! Agents without a person in front: crawlers and watchers, HTTP libraries and probes.

use super::words::{Word, words};
use super::{Device, Product, UserAgent};

/// A bot, whatever browser it dresses up as.
pub(super) fn bot(agent: &str) -> Option<UserAgent> {
    // Inside of a browser's string it is the app; alone it is what fetches the preview of a link.
    if let Some(version) = agent.strip_prefix("WhatsApp/") {
        return Some(found(Product::new("WhatsApp", Some(version))));
    }
    let known = |word: &Word<'_>| {
        BOTS.iter()
            .find(|name| name.eq_ignore_ascii_case(word.name))
    };
    let lower = agent.to_ascii_lowercase();
    let suspicious = SIGNS.iter().any(|sign| lower.contains(sign));
    let mut first = None;
    for word in words(agent) {
        if let Some(name) = known(&word) {
            return Some(found(Product::new(*name, word.version)));
        }
        if suspicious && first.is_none() && is_generic(word.name) {
            first = Some(found(Product::foreign(
                full_name(agent, word.name),
                word.version,
            )));
        }
    }
    first
}

fn found(browser: Product) -> UserAgent {
    UserAgent {
        browser: Some(browser),
        device: Device::Bot,
        ..UserAgent::default()
    }
}

/// Whether the word names itself a robot: `SomethingBot`, `my-crawler`, `Google-Something`.
fn is_generic(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    // Cubot makes phones; `robots.txt` and `about` are words of sentences.
    let innocent =
        lower.starts_with("cubot") || lower.contains("robots") || lower.contains("about");
    !innocent && SIGNS.iter().any(|sign| lower.contains(sign))
}

/// `Sogou web spider/4.0` is called by all three words, `Pingdom.com_bot_version_1.4_` by the first.
fn full_name<'a>(agent: &'a str, word: &'a str) -> &'a str {
    if word.starts_with("Pingdom") {
        return "Pingdom";
    }
    if !["bot", "crawler", "spider", "monitor", "preview"]
        .iter()
        .any(|bare| bare.eq_ignore_ascii_case(word))
    {
        return word;
    }
    let Some(at) = agent.find(word) else {
        return word;
    };
    let start = agent[..at]
        .rfind([';', '(', '[', ')', ']', '/'])
        .map_or(0, |before| before + 1);
    agent[start..at + word.len()].trim()
}

/// A tool is whatever introduces itself by its own name, and not as `Mozilla` like a browser.
pub(super) fn tool(agent: &str, found: &mut UserAgent) {
    let all = || words(agent);
    let product = all()
        .find(|word| LIBRARIES.contains(&word.name))
        .or_else(|| {
            all()
                .next()
                .filter(|word| !BROWSER_LIKE.contains(&word.name))
        })
        .filter(|word| word.name.contains(|c: char| c.is_ascii_alphabetic()));
    let Some(word) = product else { return };
    let name = word.name.replace("%20", " ");
    found.browser = Some(Product::foreign(&name, word.version));
    // An app of Apple's systems: `MobileSafari/8617.1 CFNetwork/1490.0.4 Darwin/23.2.0`.
    found.engine = all()
        .find(|other| other.name == "CFNetwork" && *other != word)
        .map(|engine| Product::new("CFNetwork", engine.version));
    // An app on a phone says its system; a library on a server does not, or says `Linux`.
    if !matches!(
        found.device,
        Device::Mobile | Device::Tablet | Device::Tv | Device::Console
    ) {
        found.device = Device::Tool;
    }
}

/// What robots have in their names.
const SIGNS: &[&str] = &[
    "bot",
    "crawl",
    "spider",
    "scrap",
    "monitor",
    "preview",
    "fetcher",
    "slurp",
    "lighthouse",
    "google-",
    "-google",
];

/// Agents that do not have `bot`, `crawler` or `spider` in their name, or are best known by this one of several.
const BOTS: &[&str] = &[
    "facebookexternalhit",
    "meta-externalagent",
    "meta-externalfetcher",
    "Baiduspider",
    "BingPreview",
    "Bytespider",
    "CensysInspect",
    "ChatGPT-User",
    "Chrome-Lighthouse",
    "Claude-User",
    "Claude-Web",
    "cohere-ai",
    "DatadogSynthetics",
    "FeedFetcher-Google",
    "Google-InspectionTool",
    "GoogleImageProxy",
    "GoogleOther",
    "GoogleProducer",
    "HeadlessChrome",
    "HetrixTools",
    "ia_archiver",
    "Iframely",
    "MistralAI-User",
    "Nmap",
    "PhantomJS",
    "Perplexity-User",
    "Site24x7",
    "Slack-ImgProxy",
    "StatusCake",
    "Uptime-Kuma",
    "UptimeRobot",
    "YandexDirect",
    "YandexFavicons",
    "YandexImages",
    "YandexMetrika",
    "YandexVideo",
    "YandexWebmaster",
    "Yeti",
    "zgrab",
];

/// Libraries that stand behind another product in the string.
const LIBRARIES: &[&str] = &["aiohttp", "node-superagent"];

/// First words that say nothing of the product.
const BROWSER_LIKE: &[&str] = &["Mozilla", "Dalvik", "Opera", "compatible"];
