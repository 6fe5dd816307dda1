//! The settings of notifications, events and webhooks.

use database::EventKind;
use kernel::{Secret, settings::Reader};

use crate::{
    audience,
    channel::{
        email::{self, SmtpSettings},
        sms::SmsSettings,
    },
    model::{Channel, Language},
};

/// How subscribers, staff and integrators are notified.
#[derive(Clone, Debug)]
pub struct NotificationSettings {
    /// The language of messages.
    pub language: Language,
    /// The kinds of events that subscribers receive by e-mail.
    pub email_kinds: Vec<EventKind>,
    /// The kinds of events that subscribers receive by text message.
    pub sms_kinds: Vec<EventKind>,
    /// The SMTP server; without it, e-mail is stored but not sent.
    pub smtp: Option<SmtpSettings>,
    /// The gateway of text messages; without it, they are stored but not sent.
    pub sms: Option<SmsSettings>,
    /// Whether webhooks may call private addresses, also without TLS.
    pub allow_private: bool,
    /// The number of days that events and deliveries are kept.
    pub events_days: i64,
    /// The number of days that notifications are kept.
    pub notification_days: i64,
}

/// Reads the settings of notifications.
pub fn read(from: &mut Reader<'_>) -> NotificationSettings {
    let kinds = "kinds of events, such as payment.received,balance.low, or none";
    NotificationSettings {
        language: from.parsed("NOTIFICATION_LANGUAGE", "ru or en", |text| text.parse().ok(), Language::Ru),
        email_kinds: from.parsed("NOTIFY_EMAIL_KINDS", kinds, |text| kinds_by(Channel::Email, text), told_by(Channel::Email, |_| true)),
        // a text message for each charge of a billing run would be too many, at a cost for each
        sms_kinds: from.parsed(
            "NOTIFY_SMS_KINDS",
            kinds,
            |text| kinds_by(Channel::Sms, text),
            told_by(Channel::Sms, |kind| kind != EventKind::PeriodCharged),
        ),
        smtp: smtp(from),
        sms: sms(from),
        allow_private: from.parsed("WEBHOOKS_ALLOW_PRIVATE", "true or false", |text| text.parse().ok(), false),
        events_days: from.number("EVENTS_DAYS", "a number of days from 1 to 3650", 1..=3650, 30),
        notification_days: from.number("NOTIFICATION_DAYS", "a number of days from 1 to 3650", 1..=3650, 365),
    }
}

fn told_by(channel: Channel, but: impl Fn(EventKind) -> bool) -> Vec<EventKind> {
    EventKind::ALL.iter().copied().filter(|kind| audience::of(*kind).subscriber.contains(&channel) && but(*kind)).collect()
}

fn kinds_by(channel: Channel, text: &str) -> Option<Vec<EventKind>> {
    if text == "none" {
        return Some(Vec::new());
    }
    let kinds = text.split(',').map(|word| word.trim().parse().ok());
    kinds.map(|kind| kind.filter(|kind| audience::of(*kind).subscriber.contains(&channel))).collect()
}

fn smtp(from: &mut Reader<'_>) -> Option<SmtpSettings> {
    let url = "smtp://user:password@host:587 or smtps://user:password@host";
    let url = from.parsed("SMTP_URL", url, |text| email::checked_url(text).map(|url| Some(Secret::new(url))), None);
    let address = "an address, such as Telecom <noreply@example.com>";
    let sender = from.parsed("SMTP_FROM", address, |text| email::mailbox(text).map(Some), None);
    if url.is_some() && sender.is_none() {
        from.refuse("SMTP_FROM", "the sender's address, because SMTP_URL is set");
    }
    Some(SmtpSettings { url: url?, from: sender? })
}

fn sms(from: &mut Reader<'_>) -> Option<SmsSettings> {
    let web = |text: &str| text.parse::<reqwest::Url>().is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    let url = "a URL, such as https://sms.example.com/messages";
    let url = from.parsed("SMS_URL", url, |text| web(text).then(|| Some(Secret::new(text.to_owned()))), None);
    let key =
        from.parsed("SMS_KEY", "at least 8 visible characters", |text| is_key(text).then(|| Some(Secret::new(text.to_owned()))), None);
    let sender = "a name or number of at most 20 characters";
    let sender = from.parsed("SMS_FROM", sender, |text| (text.chars().count() <= 20).then(|| Some(text.to_owned())), None);
    Some(SmsSettings { url: url?, key, from: sender })
}

/// Whether the key is valid in a header.
fn is_key(text: &str) -> bool {
    text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use kernel::settings::WrongSetting;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<NotificationSettings, Vec<WrongSetting>> {
        let variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut from = Reader::new(&variables);
        let settings = super::read(&mut from);
        if from.wrong().is_empty() { Ok(settings) } else { Err(from.wrong().to_vec()) }
    }

    #[test]
    fn charges_are_told_of_by_e_mail_and_not_by_text_message_unless_told_otherwise() {
        let standard = read(&[]).unwrap();
        assert!(standard.email_kinds.contains(&EventKind::PeriodCharged) && !standard.sms_kinds.contains(&EventKind::PeriodCharged));
        let chosen = read(&[("NOTIFY_EMAIL_KINDS", "none"), ("NOTIFY_SMS_KINDS", "period.charged, balance.low")]).unwrap();
        assert_eq!((chosen.email_kinds, chosen.sms_kinds), (vec![], vec![EventKind::PeriodCharged, EventKind::BalanceLow]));
        // ticket events are never sent by text message
        assert_eq!(read(&[("NOTIFY_SMS_KINDS", "ticket.created")]).unwrap_err()[0].name, "NOTIFY_SMS_KINDS");
    }

    #[test]
    fn e_mail_needs_an_address_that_it_comes_from_and_keeps_its_password_to_itself() {
        assert_eq!(read(&[("SMTP_URL", "smtp://mail.example.com")]).unwrap_err()[0].name, "SMTP_FROM");
        let variables = [
            ("SMTP_URL", "smtp://crm:hunter2@mail.example.com"),
            ("SMTP_FROM", "crm@example.com"),
            ("SMS_URL", "https://s/?k=hunter2"),
            ("SMS_KEY", "hunter2-hunter2"),
        ];
        let text = format!("{:?}", read(&variables).unwrap());
        assert!(!text.contains("hunter2"), "{text}");
    }
}
