//! The `Accept` header: which of two media types a client would rather have.

/// The weight that a header gives to a media type, from 0 to 1000; the most specific range counts.
fn weight(header: &str, media_type: &str) -> u16 {
    let (main, _) = media_type.split_once('/').unwrap_or((media_type, ""));
    let ranges = header.split(',').filter_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let range = parts.next()?.to_ascii_lowercase();
        let rank = match range.as_str() {
            "*/*" => 1,
            range if range.strip_suffix("/*") == Some(main) => 2,
            range if range == media_type => 3,
            _ => return None,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="))).map_or(Some(1000), thousandths)?;
        Some((rank, weight))
    });
    ranges.max_by_key(|(rank, _)| *rank).map_or(0, |(_, weight)| weight)
}

/// A weight such as `0.5` in thousandths; none if it is malformed.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction: u16 = if fraction.len() <= 3 { format!("{fraction:0<3}").parse().ok()? } else { return None };
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

/// Whether a client that sends this header would rather have `wanted` than `usual`. It must name `wanted`.
pub fn prefers(header: Option<&str>, wanted: &str, usual: &str) -> bool {
    let Some(header) = header else { return false };
    let names = header.split([',', ';']).any(|part| part.trim().eq_ignore_ascii_case(wanted));
    let weight_of_wanted = weight(header, wanted);
    names && weight_of_wanted > 0 && weight_of_wanted >= weight(header, usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_for_clients_that_ask_for_it_at_least_as_much_as_for_a_list() {
        let streams = |header| prefers(Some(header), "text/event-stream", "application/json");
        for header in [
            "text/event-stream",
            "Text/Event-Stream; charset=utf-8",
            "text/event-stream, */*",
            "application/json, text/event-stream",
            "application/json;q=0.5, text/event-stream;q=0.501",
            "*/*;q=0.1,text/event-stream;q=0.1",
        ] {
            assert!(streams(header), "{header}");
        }
        for header in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "application/json, text/event-stream;q=0.5",
            "text/event-stream;q=0",
            "text/event-stream;q=0.5, */*",
            "text/event-stream;q=0.9, application/*",
            "text/event-stream;q=high",
        ] {
            assert!(!streams(header), "{header}");
        }
        assert!(!prefers(None, "text/event-stream", "application/json"));
    }
}
