//! Messages in the caller's language. Each language is a file in `locales/`; a new file adds a language.

use std::{collections::BTreeMap, sync::LazyLock};

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use unic_langid::LanguageIdentifier;

#[derive(rust_embed::RustEmbed)]
#[folder = "locales/"]
struct Files;

/// The default language, for callers who ask for none that is available.
const DEFAULT: &str = "ru";

static LOCALES: LazyLock<BTreeMap<String, Locale>> = LazyLock::new(|| {
    Files::iter()
        .filter_map(|file| {
            let tag = file.strip_suffix(".ftl")?.to_owned();
            let source = String::from_utf8(Files::get(&file)?.data.into_owned()).ok()?;
            Some((tag.clone(), Locale::parse(tag, source)))
        })
        .collect()
});

/// The messages of one language.
pub struct Locale {
    tag: String,
    bundle: FluentBundle<FluentResource>,
}

impl Locale {
    fn parse(tag: String, source: String) -> Self {
        let id: LanguageIdentifier = tag.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        bundle.set_use_isolating(false);
        let resource = FluentResource::try_new(source).unwrap_or_else(|(whole_part, errors)| {
            log::error!("locales/{tag}.ftl: {errors:?}");
            whole_part
        });
        bundle.add_resource_overriding(resource);
        Self { tag, bundle }
    }

    /// All available languages.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        LOCALES.values()
    }

    /// The language that best fits an `Accept-Language` header by its weights; Russian if none fits.
    #[allow(clippy::expect_used, reason = "the default language is compiled in, and a test reads it")]
    pub fn negotiate(accept_language: Option<&str>) -> &'static Self {
        let (wanted, unwanted) = weighed(accept_language.unwrap_or_default());
        let available: Vec<LanguageIdentifier> = LOCALES.keys().filter_map(|tag| tag.parse().ok()).collect();
        let fitting = |tag: &str| {
            let tag: LanguageIdentifier = tag.parse().ok()?;
            negotiate_languages(&[tag], &available, None, NegotiationStrategy::Lookup).first().map(ToString::to_string)
        };
        let any = [DEFAULT].into_iter().chain(LOCALES.keys().map(String::as_str));
        let any = any.filter(|tag| !unwanted.iter().any(|other| other == tag)).map(str::to_owned).next();
        let best = wanted.iter().find_map(|tag| match tag.as_str() {
            "*" => any.clone(),
            tag => fitting(tag).filter(|found| !unwanted.contains(found)),
        });
        best.and_then(|best| LOCALES.get(&best)).or_else(|| LOCALES.get(DEFAULT)).expect("the default language is compiled in")
    }

    /// The language's tag, as in `Content-Language`.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The message with this name, if the language has it.
    pub fn find(&self, name: &str, args: &[(&str, String)]) -> Option<String> {
        let pattern = self.bundle.get_message(name)?.value()?;
        let mut values = FluentArgs::new();
        for (name, value) in args {
            values.set(*name, value.as_str());
        }
        let mut errors = Vec::new();
        Some(self.bundle.format_pattern(pattern, Some(&values), &mut errors).into_owned())
    }

    /// The words for a value of an enum, if the language has them: the attribute of the message `enum-NAME`.
    pub fn word(&self, name: &str, value: &str) -> Option<String> {
        let message = self.bundle.get_message(&format!("enum-{name}"))?;
        let pattern = message.get_attribute(&value.replace(['.', ':'], "-"))?.value();
        Some(self.bundle.format_pattern(pattern, None, &mut Vec::new()).into_owned())
    }

    /// The message with this name, or the name itself if it is missing; a test checks that none is.
    pub fn text(&self, name: &str, args: &[(&str, String)]) -> String {
        self.find(name, args).unwrap_or_else(|| name.to_owned())
    }
}

/// The languages of an `Accept-Language` header: the wanted ones, those of the largest weight first, and those of weight 0.
fn weighed(header: &str) -> (Vec<String>, Vec<String>) {
    let mut wanted: Vec<(String, f32)> = Vec::new();
    for item in header.split(',') {
        let mut parts = item.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().to_owned();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        match weight.map_or(Ok(1.0), str::parse::<f32>) {
            Ok(weight) if !tag.is_empty() && (0.0..=1.0).contains(&weight) => wanted.push((tag, weight)),
            _ => {}
        }
    }
    // a stable sort: equal weights stay in the order of the header
    wanted.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let (wanted, unwanted): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|(_, weight)| *weight > 0.0);
    let tags = |items: Vec<(String, f32)>| items.into_iter().map(|(tag, _)| tag).collect();
    (tags(wanted), tags(unwanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_gets_the_language_asked_for_or_russian() {
        let tag = |header| Locale::negotiate(header).tag();
        assert_eq!(tag(None), "ru");
        assert_eq!(tag(Some("en-GB,en;q=0.8")), "en");
        assert_eq!(tag(Some("fr, en;q=0.5, ru;q=0.2")), "en");
        assert_eq!(tag(Some("de")), "ru");
        assert_eq!(tag(Some("en;q=0, ru")), "ru");
        assert_eq!(tag(Some("ru;q=0.1, en;q=0.9")), "en");
        assert_eq!(tag(Some("en; q=0.9, ru; q=0.1")), "en");
        assert_eq!(tag(Some("de, *;q=0.5, en;q=0.1")), "ru");
        assert_eq!(tag(Some("ru;q=0, *")), "en");
        assert_eq!(tag(Some("en;q=0")), "ru");
        assert_eq!(tag(Some("*;;;q=x, \u{fffd}")), "ru");
    }
}
