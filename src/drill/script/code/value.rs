//! Values, and what can be computed with them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::expr::{Binary, Comparison, Function, Unary};
use super::format::format;

/// No text that is made is longer, in octets: a few lines could make one that fills the memory.
pub(super) const MAX_TEXT: usize = 1024;

/// What an expression can be. Lists hold no lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Integer(i128),
    Truth(bool),
    Text(Arc<str>),
    List(Arc<[Value]>),
}

impl Value {
    /// `not`, `and`, `or` and `assert` go by this.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Integer(number) => *number != 0,
            Value::Truth(truth) => *truth,
            Value::Text(text) => !text.is_empty(),
            Value::List(list) => !list.is_empty(),
        }
    }

    /// A truth counts as 0 or 1.
    pub(super) fn number(&self) -> Result<i128, String> {
        match self {
            Value::Integer(number) => Ok(*number),
            Value::Truth(truth) => Ok(i128::from(*truth)),
            Value::Text(_) | Value::List(_) => Err(format!("{self:#} is no number")),
        }
    }

    pub(super) fn unary(&self, operator: Unary) -> Result<Value, String> {
        let number = self.number()?;
        let result = match operator {
            Unary::Plus => Some(number),
            Unary::Minus => number.checked_neg(),
            Unary::Invert => Some(!number),
        };
        result.map(Value::Integer).ok_or_else(too_big)
    }

    pub(super) fn binary(&self, operator: Binary, right: &Value) -> Result<Value, String> {
        match (self, operator, right) {
            (Value::Text(pattern), Binary::Modulo, _) => {
                let arguments = match right {
                    Value::List(arguments) => &**arguments,
                    Value::Integer(_) | Value::Truth(_) | Value::Text(_) => {
                        std::slice::from_ref(right)
                    }
                };
                bounded(format(pattern, arguments)?)
            }
            (Value::Text(left), Binary::Add, Value::Text(right)) => {
                bounded(format!("{left}{right}"))
            }
            _ => integer(self.number()?, operator, right.number()?).map(Value::Integer),
        }
    }

    pub(super) fn power(&self, exponent: &Value) -> Result<Value, String> {
        let (base, exponent) = (self.number()?, exponent.number()?);
        if exponent < 0 {
            return Err(format!("{base} ** {exponent} is no integer"));
        }
        let power = match (base, u32::try_from(exponent)) {
            (0 | 1, _) => Some(if exponent == 0 { 1 } else { base }),
            (-1, _) => Some(if exponent % 2 == 0 { 1 } else { -1 }),
            (_, Ok(exponent)) => base.checked_pow(exponent),
            (_, Err(_)) => None,
        };
        power.map(Value::Integer).ok_or_else(too_big)
    }

    pub(super) fn compare(&self, comparison: Comparison, right: &Value) -> Result<bool, String> {
        match comparison {
            Comparison::Equal => Ok(self.equals(right)),
            Comparison::NotEqual => Ok(!self.equals(right)),
            Comparison::Less => Ok(self.order(right)? == Ordering::Less),
            Comparison::LessOrEqual => Ok(self.order(right)? != Ordering::Greater),
            Comparison::Greater => Ok(self.order(right)? == Ordering::Greater),
            Comparison::GreaterOrEqual => Ok(self.order(right)? != Ordering::Less),
            Comparison::In => self.is_in(right),
            Comparison::NotIn => self.is_in(right).map(|is_in| !is_in),
        }
    }

    fn equals(&self, right: &Value) -> bool {
        match (self, right) {
            (Value::Text(left), Value::Text(right)) => left == right,
            (Value::List(left), Value::List(right)) => {
                left.len() == right.len() && left.iter().zip(&**right).all(|(l, r)| l.equals(r))
            }
            _ => matches!((self.number(), right.number()), (Ok(left), Ok(right)) if left == right),
        }
    }

    fn order(&self, right: &Value) -> Result<Ordering, String> {
        match (self, right) {
            (Value::Text(left), Value::Text(right)) => Ok(left.cmp(right)),
            _ => Ok(self.number()?.cmp(&right.number()?)),
        }
    }

    fn is_in(&self, right: &Value) -> Result<bool, String> {
        match (self, right) {
            (_, Value::List(list)) => Ok(list.iter().any(|member| self.equals(member))),
            (Value::Text(part), Value::Text(text)) => Ok(text.contains(&**part)),
            _ => Err(format!("{right:#} is no list")),
        }
    }
}

impl fmt::Display for Value {
    /// As `print` shows it; with `#`, as it would be written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Integer(number) => write!(f, "{number}"),
            Value::Truth(true) => f.write_str("True"),
            Value::Truth(false) => f.write_str("False"),
            Value::Text(text) if f.alternate() => write!(f, "'{}'", text.escape_debug()),
            Value::Text(text) => f.write_str(text),
            Value::List(list) => {
                let members: Vec<String> =
                    list.iter().map(|member| format!("{member:#}")).collect();
                write!(f, "[{}]", members.join(", "))
            }
        }
    }
}

/// The result of a function.
pub(super) fn call(function: Function, arguments: &[Value]) -> Result<Value, String> {
    match (function, arguments) {
        (Function::Abs, [number]) => {
            number.number()?.checked_abs().map(Value::Integer).ok_or_else(too_big)
        }
        (Function::Int, [Value::Text(text)]) => {
            let number = text.trim().parse().map(Value::Integer);
            number.map_err(|_| format!("{:#} is no number", arguments[0]))
        }
        (Function::Int, [number]) => number.number().map(Value::Integer),
        (Function::Len, [Value::Text(text)]) => length(text.chars().count()),
        (Function::Len, [Value::List(list)]) => length(list.len()),
        (Function::Len, [number]) => Err(format!("{number:#} has no length")),
        (Function::Min | Function::Max, [Value::List(list)]) => extreme(function, list),
        (Function::Min | Function::Max, list) if list.len() > 1 => extreme(function, list),
        (Function::Abs | Function::Int | Function::Len, _) => Err("it takes one value".to_owned()),
        (Function::Min | Function::Max, _) => {
            Err("it takes a list, or two values or more".to_owned())
        }
    }
}

fn length(length: usize) -> Result<Value, String> {
    i128::try_from(length).map(Value::Integer).map_err(|_| too_big())
}

/// The least or the greatest; the first of equals.
fn extreme(function: Function, list: &[Value]) -> Result<Value, String> {
    let wanted = if function == Function::Min { Ordering::Less } else { Ordering::Greater };
    let mut list = list.iter();
    let mut extreme = list.next().ok_or("an empty list has no least and no greatest member")?;
    for value in list {
        if value.order(extreme)? == wanted {
            extreme = value;
        }
    }
    Ok(extreme.clone())
}

/// Division rounds down, and a remainder has the sign of what it was divided by, as in Python.
fn integer(left: i128, operator: Binary, right: i128) -> Result<i128, String> {
    let is_division = matches!(operator, Binary::Divide | Binary::FloorDivide | Binary::Modulo);
    if is_division && right == 0 {
        return Err(format!("{left} is divided by zero"));
    }
    let result = match operator {
        Binary::Or => Some(left | right),
        Binary::Xor => Some(left ^ right),
        Binary::And => Some(left & right),
        Binary::Left | Binary::Right if right < 0 => {
            return Err(format!("a shift by {right} bits"));
        }
        Binary::Left => shifted_left(left, right),
        // Further than 127 there is nothing but the sign.
        Binary::Right => Some(left >> right.min(127)),
        Binary::Add => left.checked_add(right),
        Binary::Subtract => left.checked_sub(right),
        Binary::Multiply => left.checked_mul(right),
        Binary::Divide if left.checked_rem(right).is_some_and(|rest| rest != 0) => {
            return Err(format!("{left} / {right} is no whole number; `//` rounds down"));
        }
        Binary::Divide => left.checked_div(right),
        Binary::FloorDivide => floor_div(left, right),
        Binary::Modulo => Some(floor_mod(left, right)),
    };
    result.ok_or_else(too_big)
}

fn shifted_left(number: i128, bits: i128) -> Option<i128> {
    if number == 0 {
        return Some(0);
    }
    let factor = 1_i128.checked_shl(u32::try_from(bits).ok()?).filter(|factor| *factor > 0)?;
    number.checked_mul(factor)
}

fn floor_div(left: i128, right: i128) -> Option<i128> {
    let quotient = left.checked_div(right)?;
    let is_above = left % right != 0 && (left < 0) != (right < 0);
    Some(if is_above { quotient - 1 } else { quotient })
}

fn floor_mod(left: i128, right: i128) -> i128 {
    // The one overflow there is has no rest.
    let rest = left.checked_rem(right).unwrap_or(0);
    if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest }
}

fn bounded(text: String) -> Result<Value, String> {
    if text.len() > MAX_TEXT {
        return Err(format!("a text of more than {MAX_TEXT} octets"));
    }
    Ok(Value::Text(text.into()))
}

fn too_big() -> String {
    "the result does not fit 128 bits".to_owned()
}
