//! `'cwnd=%d' % x`: texts with values in them.

use std::iter::Peekable;
use std::str::Chars;

use super::value::{MAX_TEXT, Value};

/// No field is wider.
const MAX_WIDTH: usize = 255;

/// `%04x`, without the letter.
#[derive(Default)]
struct Field {
    is_left: bool,
    is_signed: bool,
    is_zeroed: bool,
    width: usize,
}

/// The text with every `%` field replaced by the next argument. One that is too long may be cut.
pub(super) fn format(pattern: &str, arguments: &[Value]) -> Result<String, String> {
    let mut arguments = arguments.iter();
    let mut chars = pattern.chars().peekable();
    let mut text = String::with_capacity(pattern.len());
    while let Some(char) = chars.next() {
        if char != '%' {
            text.push(char);
        } else if chars.peek() == Some(&'%') {
            text.extend(chars.next());
        } else {
            let field = field(&mut chars)?;
            let letter = chars.next().ok_or("a text ends in the middle of a `%` field")?;
            let argument = arguments.next().ok_or("a text has more `%` fields than values")?;
            text.push_str(&field.show(letter, argument)?);
            if text.len() > MAX_TEXT {
                break;
            }
        }
    }
    match arguments.next() {
        Some(_) if text.len() <= MAX_TEXT => {
            Err("a text has fewer `%` fields than values".to_owned())
        }
        Some(_) | None => Ok(text),
    }
}

fn field(chars: &mut Peekable<Chars<'_>>) -> Result<Field, String> {
    let mut field = Field::default();
    while let Some(flag) = chars.next_if(|char| matches!(char, '-' | '+' | '0')) {
        match flag {
            '-' => field.is_left = true,
            '+' => field.is_signed = true,
            _ => field.is_zeroed = true,
        }
    }
    while let Some(digit) = chars.peek().and_then(|char| char.to_digit(10)) {
        chars.next();
        field.width = field.width * 10 + digit as usize;
        if field.width > MAX_WIDTH {
            return Err(format!("a `%` field is wider than {MAX_WIDTH}"));
        }
    }
    Ok(field)
}

impl Field {
    fn show(&self, letter: char, value: &Value) -> Result<String, String> {
        let (sign, digits) = match letter {
            'd' | 'i' | 'u' => self.number(value, |number| number.to_string())?,
            'x' => self.number(value, |number| format!("{number:x}"))?,
            'X' => self.number(value, |number| format!("{number:X}"))?,
            'o' => self.number(value, |number| format!("{number:o}"))?,
            's' => return Ok(self.padded("", &value.to_string(), ' ')),
            'r' => return Ok(self.padded("", &format!("{value:#}"), ' ')),
            _ => return Err(format!("`%{letter}` is not supported (%d %x %X %o %s %r %%)")),
        };
        let is_zeroed = self.is_zeroed && !self.is_left;
        Ok(self.padded(sign, &digits, if is_zeroed { '0' } else { ' ' }))
    }

    /// The sign and the digits.
    fn number(
        &self,
        value: &Value,
        digits: impl Fn(u128) -> String,
    ) -> Result<(&'static str, String), String> {
        let number = value.number()?;
        let sign = match number {
            ..0 => "-",
            0.. if self.is_signed => "+",
            0.. => "",
        };
        Ok((sign, digits(number.unsigned_abs())))
    }

    fn padded(&self, sign: &str, text: &str, fill: char) -> String {
        let len = sign.len() + text.chars().count();
        let padding = fill.to_string().repeat(self.width.saturating_sub(len));
        match (fill, self.is_left) {
            ('0', _) => format!("{sign}{padding}{text}"),
            (_, true) => format!("{sign}{text}{padding}"),
            (_, false) => format!("{padding}{sign}{text}"),
        }
    }
}
