//! Mail from subscribers: what a message in the format of RFC 5322 says, and whether a person wrote it.

use kernel::{Error, Result, digest::sha256};
use mail_parser::{Address, HeaderValue, Message, MessageParser, MimeHeaders};

use crate::model::{Automatic, refusal};

/// The maximum size of a message with its files, in bytes: files are a third longer in a mail than they are.
pub const MOST_MAIL_BYTES: usize = 15 * 1024 * 1024;
/// The maximum length of a subject, in characters.
const LONGEST_SUBJECT: usize = 200;
/// The maximum length of a text, in characters; a longer one is kept as a file too.
const LONGEST_TEXT: usize = 5000;
/// The maximum number of servers that a mail has passed.
const MOST_SERVERS: usize = 50;
/// The maximum number of files taken from one mail.
const MOST_MAIL_FILES: usize = 20;
/// The subject of a mail without one.
const NO_SUBJECT: &str = "(без темы)";

/// What a mail says.
#[derive(Clone, Debug)]
pub struct Mail {
    /// What identifies the mail if it comes again.
    pub key: String,
    /// The id that the sender's program gave it.
    pub message_id: Option<String>,
    /// The sender's address, in lower case.
    pub sender: String,
    /// The subject; not blank.
    pub subject: String,
    /// The text, at most as long as a comment.
    pub text: String,
    /// The ticket numbers in the subject and the reply headers, in this order.
    pub numbers: Vec<String>,
    /// Why it is not a person's, if it is not.
    pub automatic: Option<Automatic>,
    /// Its files.
    pub files: Vec<MailFile>,
}

/// A file of a mail.
#[derive(Clone, Debug)]
pub struct MailFile {
    /// The name that the sender gave it.
    pub name: String,
    /// The content.
    pub content: Vec<u8>,
}

impl Mail {
    /// Reads the source of a message. Errors: `mail_unreadable` if it is none, or has no sender.
    pub fn parse(source: &[u8]) -> Result<Self> {
        let message = MessageParser::default().parse(source).ok_or_else(|| Error::new(refusal::MAIL_UNREADABLE))?;
        let sender = message.from().and_then(Address::first).and_then(|from| from.address());
        let sender = sender.map(|address| plain(address).trim().to_lowercase()).filter(|address| is_address(address));
        let sender = sender.ok_or_else(|| Error::new(refusal::MAIL_UNREADABLE))?;
        let message_id = message.message_id().map(|id| cut(&plain(id), LONGEST_SUBJECT)).filter(|id| !id.is_empty());
        let whole = text_of(&message);
        let mut files = files_of(&message);
        let text = cut(&whole, LONGEST_TEXT);
        if text.len() < whole.len() {
            files.insert(0, MailFile { name: "письмо.txt".to_owned(), content: whole.into_bytes() });
        }
        let subject = cut(plain(message.subject().unwrap_or_default()).trim(), LONGEST_SUBJECT);
        Ok(Self {
            key: sha256(message_id.as_deref().map_or(source, str::as_bytes)),
            numbers: numbers_of(&message),
            automatic: automatic(&message, &sender),
            subject: if subject.is_empty() { NO_SUBJECT.to_owned() } else { subject },
            text,
            message_id,
            sender,
            files,
        })
    }
}

/// The text without control characters except line breaks and tabs, which no field may hold.
fn plain(text: &str) -> String {
    text.replace("\r\n", "\n").chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')).collect()
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    text.len() <= 254 && parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()) && !text.contains(char::is_whitespace)
}

fn text_of(message: &Message<'_>) -> String {
    let text = plain(&message.body_text(0).unwrap_or_default());
    let text = text.trim();
    // a mail that only brings a file
    if text.is_empty() { "—".to_owned() } else { text.to_owned() }
}

fn files_of(message: &Message<'_>) -> Vec<MailFile> {
    let file = |(at, part): (usize, &mail_parser::MessagePart<'_>)| {
        let name = part.attachment_name().map_or_else(|| format!("file-{}", at + 1), plain);
        MailFile { name, content: part.contents().to_vec() }
    };
    message.attachments().take(MOST_MAIL_FILES).enumerate().map(file).collect()
}

/// The numbers of tickets in the subject, then in the ids of the messages that this one replies to.
fn numbers_of(message: &Message<'_>) -> Vec<String> {
    let mut numbers = numbers_in(message.subject().unwrap_or_default());
    for header in [message.in_reply_to(), message.references()] {
        for id in texts(header) {
            numbers.extend(numbers_in(&id));
        }
    }
    let mut known = std::collections::BTreeSet::new();
    numbers.retain(|number| known.insert(number.clone()));
    numbers.truncate(MOST_MAIL_FILES);
    numbers
}

fn texts(header: &HeaderValue<'_>) -> Vec<String> {
    match header {
        HeaderValue::Text(text) => vec![text.to_string()],
        HeaderValue::TextList(all) => all.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

/// The ticket numbers in a text: `T-`, six digits, `-`, and six characters of Crockford's alphabet.
fn numbers_in(text: &str) -> Vec<String> {
    let text = text.to_uppercase();
    let is_symbol = |letter: char| letter.is_ascii_digit() || (letter.is_ascii_uppercase() && !"ILOU".contains(letter));
    let number = |(at, _): (usize, &str)| {
        let number = text.get(at..at + "T-202601-7K3M9Q".len())?;
        let before = text[..at].chars().next_back();
        let after = text[at + number.len()..].chars().next();
        let stands_alone = [before, after].into_iter().flatten().all(|letter| !letter.is_alphanumeric());
        let (month, symbols) = number.strip_prefix("T-")?.split_once('-')?;
        let is_number = month.len() == 6 && month.bytes().all(|byte| byte.is_ascii_digit()) && symbols.chars().all(is_symbol);
        (is_number && stands_alone).then(|| number.to_owned())
    };
    text.match_indices("T-").filter_map(number).collect()
}

/// Whether a program wrote the mail (RFC 3834), or it must not be taken for another reason.
fn automatic(message: &Message<'_>, sender: &str) -> Option<Automatic> {
    let header = |name: &'static str| message.header_raw(name).map(|value| value.trim().to_lowercase());
    let is_report =
        message.content_type().is_some_and(|kind| kind.ctype().eq_ignore_ascii_case("multipart") && kind.subtype() == Some("report"));
    let is_postmaster = ["mailer-daemon@", "postmaster@"].iter().any(|name| sender.starts_with(name));
    if is_report || is_postmaster || header("Return-Path").as_deref() == Some("<>") {
        return Some(Automatic::Report);
    }
    if message.headers().iter().filter(|header| header.name().eq_ignore_ascii_case("Received")).count() > MOST_SERVERS {
        return Some(Automatic::Loop);
    }
    let says = |name, words: &[&str]| header(name).is_some_and(|value| words.iter().any(|word| value.starts_with(word)));
    let marked = ["X-Autoreply", "X-Autorespond", "X-Auto-Reply-From", "X-Auto-Response"].iter().any(|name| header(name).is_some());
    let is_submitted = header("Auto-Submitted").is_some_and(|value| !value.starts_with("no"));
    if is_submitted || marked || says("Precedence", &["auto_reply", "auto-reply"]) {
        return Some(Automatic::AutoSubmitted);
    }
    let is_list = ["List-Id", "List-Unsubscribe"].iter().any(|name| header(name).is_some());
    (is_list || says("Precedence", &["bulk", "junk", "list"])).then_some(Automatic::Bulk)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(headers: &str, body: &str) -> Mail {
        Mail::parse(format!("{headers}\r\n\r\n{body}").replace('\n', "\r\n").replace("\r\r", "\r").as_bytes()).unwrap()
    }

    #[test]
    fn a_mail_is_read_in_the_encodings_that_people_use() {
        let plain = mail(
            "From: =?UTF-8?B?0JjQstCw0L0=?= <Ivanov@Example.com>\nSubject: =?koi8-r?B?7sXUINPX0drJ?=\nMessage-ID: <1@example.com>\n\
             Content-Type: text/plain; charset=windows-1251\nContent-Transfer-Encoding: base64",
            "zeXyIPHi/+fo",
        );
        assert_eq!((plain.sender.as_str(), plain.subject.as_str(), plain.text.as_str()), ("ivanov@example.com", "Нет связи", "Нет связи"));
        assert_eq!((plain.message_id.as_deref(), plain.automatic, plain.files.len()), (Some("1@example.com"), None, 0));
        let page = mail("From: a@example.com\nContent-Type: text/html; charset=utf-8", "<p>Нет <b>связи</b></p>");
        assert_eq!((page.subject.as_str(), page.text.trim()), (NO_SUBJECT, "Нет связи"));
    }

    #[test]
    fn numbers_are_found_where_they_stand_alone() {
        for (text, numbers) in [
            ("Re: [T-202601-7K3M9Q] Нет связи", vec!["T-202601-7K3M9Q"]),
            ("re: t-202601-7k3m9q, T-202602-000000", vec!["T-202601-7K3M9Q", "T-202602-000000"]),
            ("T-202601-7K3M9Q@example.com", vec!["T-202601-7K3M9Q"]),
            ("T-202601-7K3M9QX, AT-202601-7K3M9Q, T-20260-17K3M9Q, T-202601-7K3M9U, T-2026", vec![]),
            ("ТТ-202601-7K3M9Q — ", vec![]),
        ] {
            assert_eq!(numbers_in(text), numbers, "{text}");
        }
        let reply = mail("From: a@example.com\nSubject: Re: Hello\nIn-Reply-To: <x@y>\nReferences: <T-202601-7K3M9Q@crm> <x@y>", "Hi");
        assert_eq!(reply.numbers, ["T-202601-7K3M9Q"]);
    }

    #[test]
    fn what_programs_write_is_told_from_what_people_write() {
        for (header, expected) in [
            ("Auto-Submitted: auto-replied", Some(Automatic::AutoSubmitted)),
            ("Auto-Submitted: auto-generated (rejected)", Some(Automatic::AutoSubmitted)),
            ("Auto-Submitted: no", None),
            ("X-Autoreply: yes", Some(Automatic::AutoSubmitted)),
            ("Precedence: auto_reply", Some(Automatic::AutoSubmitted)),
            ("Precedence: bulk", Some(Automatic::Bulk)),
            ("Precedence: first-class", None),
            ("List-Id: <news.example.com>", Some(Automatic::Bulk)),
            ("Return-Path: <>", Some(Automatic::Report)),
            ("Content-Type: multipart/report; report-type=delivery-status; boundary=b", Some(Automatic::Report)),
            ("X-Priority: 1", None),
        ] {
            assert_eq!(mail(&format!("From: a@example.com\n{header}"), "Hi").automatic, expected, "{header}");
        }
        assert_eq!(mail("From: MAILER-DAEMON@example.com", "Hi").automatic, Some(Automatic::Report));
        let travelled = "Received: from a by b; Thu, 15 Jan 2026 09:30:00 +0000\n".repeat(51);
        assert_eq!(mail(&format!("{travelled}From: a@example.com"), "Hi").automatic, Some(Automatic::Loop));
    }

    #[test]
    fn a_long_text_is_kept_whole_as_a_file() {
        let long = mail("From: a@example.com\nContent-Type: text/plain; charset=utf-8", &"ё".repeat(6000));
        assert_eq!((long.text.chars().count(), long.files.len()), (5000, 1));
        assert_eq!(long.files[0].content, "ё".repeat(6000).into_bytes());
    }

    #[test]
    fn what_is_no_mail_is_refused() {
        for source in ["", "Hello", "Subject: Hi\r\n\r\nHi", "From: nobody\r\n\r\nHi", "From: <>\r\n\r\nHi"] {
            assert_eq!(Mail::parse(source.as_bytes()).unwrap_err().code(), refusal::MAIL_UNREADABLE, "{source}");
        }
    }
}
