//! Check digits: they show that a number was mistyped.

/// Whether the last digits of a Russian tax number (10 or 12 digits) follow from the others.
pub fn russian_inn(inn: &str) -> bool {
    let digits = digits(inn);
    let follows = |at: usize, weights: &[u32]| digits.get(at) == Some(&(weighed(&digits, weights) % 11 % 10));
    match digits.len() {
        10 => follows(9, &[2, 4, 10, 3, 5, 9, 4, 6, 8]),
        12 => follows(10, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) && follows(11, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]),
        _ => false,
    }
}

/// Whether the last digit of a Kazakh tax number (IIN or BIN, 12 digits) follows from the others.
///
/// A number for which neither row of weights gives a digit is never issued.
pub fn kazakh_inn(inn: &str) -> bool {
    let digits = digits(inn);
    let rows = [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]];
    let check = rows.iter().map(|weights| weighed(&digits, weights) % 11).find(|check| *check < 10);
    digits.len() == 12 && check.is_some() && digits.last() == check.as_ref()
}

/// Whether the last digit of a number follows from the others by Luhn's rule, as on SIM cards.
pub fn luhn(number: &str) -> bool {
    let digits = digits(number);
    let doubled = |digit: u32| digit * 2 / 10 + digit * 2 % 10;
    let sum: u32 = digits.iter().rev().enumerate().map(|(at, digit)| if at % 2 == 1 { doubled(*digit) } else { *digit }).sum();
    digits.len() == number.len() && digits.len() > 1 && sum.is_multiple_of(10)
}

fn digits(number: &str) -> Vec<u32> {
    number.chars().filter_map(|digit| digit.to_digit(10)).collect()
}

fn weighed(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers_pass_and_another_check_digit_does_not() {
        for (check, known) in [
            (russian_inn as fn(&str) -> bool, "7707083893"),
            (russian_inn, "500100732259"),
            (kazakh_inn, "860904350504"),
            (luhn, "79927398713"),
            (luhn, "8970199100000000005"),
        ] {
            assert!(check(known), "{known}");
            // the last digit is the check digit itself; another one may happen to give the same sum
            let at = known.len() - 1;
            for digit in (b'0'..=b'9').filter(|digit| *digit != known.as_bytes()[at]) {
                let mistyped = format!("{}{}", &known[..at], char::from(digit));
                assert!(!check(&mistyped), "{mistyped}");
            }
        }
        assert!(!russian_inn("77070838931") && !kazakh_inn("") && !luhn("0") && !luhn("7992739871x"));
    }
}
