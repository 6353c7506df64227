//! Who writes, and where to: the bot's token and the chat.

use serde_json::Value;

/// Where messages go.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Chat {
    Id(i64),
    /// The name of a public channel, with the `@`.
    Channel(String),
}

impl Chat {
    /// # Errors
    ///
    /// When it is neither. The text is not repeated: it may be the token, in the wrong place.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(id) = text.parse().ok().filter(|id| *id != 0) {
            return Ok(Self::Id(id));
        }
        match text.strip_prefix('@') {
            Some(name) if is_channel(name) => Ok(Self::Channel(text.to_owned())),
            _ => Err(
                "the Telegram chat is neither a number nor the `@name` of a public channel; a right one looks like \
                 `-1001234567890` or `@shop_alerts`"
                    .to_owned(),
            ),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Id(id) => (*id).into(),
            Self::Channel(name) => name.as_str().into(),
        }
    }
}

fn is_channel(name: &str) -> bool {
    (4..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The part of a bot's token that is secret: what is behind the bot's number.
///
/// # Errors
///
/// When it is no token. Nothing of it is in the error.
pub(super) fn secret_of(token: &str) -> Result<&str, String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_secret = |text: &str| {
        text.len() >= LEAST_SECRET
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    token
        .split_once(':')
        .filter(|(number, secret)| is_number(number) && is_secret(secret))
        .map(|(_, secret)| secret)
        .ok_or_else(|| {
            "the Telegram bot's token is not a number, a colon and at least 20 letters, digits, `-` and `_`; a right one, as \
             @BotFather gives it, looks like `110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw`"
                .to_owned()
        })
}

/// Telegram's own have 35 characters, which no documentation promises.
const LEAST_SECRET: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_is_a_number_or_the_name_of_a_channel() {
        assert_eq!(
            Chat::parse("-1001234567890"),
            Ok(Chat::Id(-1_001_234_567_890))
        );
        assert_eq!(Chat::parse("42"), Ok(Chat::Id(42)));
        let channel = Chat::parse("@shop_alerts").unwrap();
        assert_eq!(channel.to_json(), "@shop_alerts");
        for wrong in [
            "",
            "0",
            "shop",
            "@",
            "@a b c",
            "@1234",
            "@ün1code",
            "1e5",
            "99999999999999999999",
        ] {
            let error = Chat::parse(wrong).unwrap_err();
            assert!(error.contains("`@shop_alerts`"), "{error}");
        }
    }

    #[test]
    fn a_token_is_told_from_what_is_none_without_showing_it() {
        let token = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
        assert_eq!(secret_of(token), Ok("AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"));
        for wrong in [
            "",
            "s3cr3t",
            "110201543:s3cr3t",
            ":s3cr3ts3cr3ts3cr3ts3cr3t",
            "1:s3cr3t/s3cr3t/s3cr3t/s3cr3t",
            "-1:s3cr3ts3cr3ts3cr3ts3cr3t",
        ] {
            let error = secret_of(wrong).unwrap_err();
            assert!(!error.contains("s3cr3t"), "{error}");
        }
    }
}
