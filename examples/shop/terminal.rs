//! Shows each alert on the terminal as it comes.

use tower_monitor::notify::Message;
use tower_monitor::{Alert, Notifier, NotifyError};

/// The shop's notifier: a person who looks at the terminal.
pub(crate) struct Terminal;

impl Notifier for Terminal {
    fn name(&self) -> &str {
        "terminal"
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        // One call: what other threads print stays above or below.
        println!("{}", framed(&Message::of(alert)));
        Ok(())
    }
}

fn framed(message: &Message) -> String {
    let mut text = format!("┏━ ALERT ━ {}\n", message.title);
    let widest = message.fields.iter().map(|(name, _)| name.len()).max();
    let width = widest.unwrap_or_default();
    for (name, value) in &message.fields {
        text += &format!("┃ {name:>width$}  {value}\n");
    }
    text + "┗━\n"
}
