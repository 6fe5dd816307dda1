//! E-mail addresses: which are valid, how they are compared, and how they are sent to.

use std::borrow::Cow;

use validator::ValidationError;

use crate::error::field;

/// The longest address, in bytes, as mail servers accept it.
const LONGEST: usize = 254;
/// The longest name before the `@`, in bytes.
const LONGEST_NAME: usize = 64;

/// Whether mail can be sent to this address: a name of Latin letters, digits and signs, and a host name with a domain.
///
/// Host names in other alphabets are valid, IP addresses and names without a dot are not.
pub fn is_email(address: &str) -> bool {
    ascii(address).is_some()
}

/// Checks an address, for `#[validate(custom(function = "kernel::email::valid"))]`. Errors: `invalid_email`.
pub fn valid(address: &str) -> Result<(), ValidationError> {
    if is_email(address) { Ok(()) } else { Err(ValidationError::new(field::EMAIL).with_message(Cow::Borrowed(field::EMAIL))) }
}

/// The address with its host name in ASCII (punycode), as mail servers understand it. `None` if the address is not valid.
pub fn ascii(address: &str) -> Option<String> {
    let (name, host) = address.rsplit_once('@')?;
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte);
    let is_name = name.len() <= LONGEST_NAME && name.split('.').all(|part| !part.is_empty() && part.bytes().all(sign));
    let host = idna::domain_to_ascii_strict(host).ok()?;
    let (domain, top) = host.rsplit_once('.')?;
    let is_host = domain.split('.').all(is_label) && is_label(top) && top.len() >= 2 && !top.bytes().all(|byte| byte.is_ascii_digit());
    Some(format!("{name}@{host}")).filter(|address| is_name && is_host && address.len() <= LONGEST)
}

fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}

/// The form in which addresses are compared: without regard to case and to the alphabet of the host name.
pub fn key(address: &str) -> String {
    ascii(address).unwrap_or_else(|| address.to_owned()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_name_and_a_host_with_a_domain() {
        for address in ["ivan@mail.ru", "i.v+x@a-b.example.com", "user@пример.рф", "O'Brien@example.org", "x@1.ru"] {
            assert!(is_email(address), "{address}");
        }
        for address in [
            "",
            "ivan",
            "@mail.ru",
            "ivan@",
            "ivan@localhost",
            "user@[127.0.0.1]",
            "user@127.0.0.1",
            "a..b@mail.ru",
            ".a@mail.ru",
            "a.@mail.ru",
            "иван@mail.ru",
            "a b@mail.ru",
            "a@b@mail.ru",
            "a@-mail.ru",
            "a@mail..ru",
            "a@mail.ru.",
            "a@ma_il.ru",
        ] {
            assert!(!is_email(address), "{address}");
        }
        assert!(!is_email(&format!("{}@mail.ru", "a".repeat(65))));
    }

    #[test]
    fn a_host_name_is_sent_and_compared_in_ascii() {
        assert_eq!(ascii("user@пример.рф").as_deref(), Some("user@xn--e1afmkfd.xn--p1ai"));
        assert_eq!(key("User@Пример.РФ"), "user@xn--e1afmkfd.xn--p1ai");
        assert_eq!(key("User@Example.COM"), "user@example.com");
    }
}
