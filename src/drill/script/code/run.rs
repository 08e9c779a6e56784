//! Runs statements.

use super::expr::{Comparison, Expr, Kind};
use super::value::{Value, call};
use super::{Action, Failure, Statement, Variables};

/// Of a condition so many values are told. More than these nobody reads.
const MAX_TOLD: usize = 12;

/// Runs one statement; see [`Statement::run`].
pub(super) fn run(
    statement: &Statement,
    variables: &mut Variables,
    lookup: &dyn Fn(&str) -> Option<i64>,
) -> Result<Option<String>, Failure> {
    let names = Names { variables, lookup };
    match &statement.action {
        Action::Assert { condition, message } => {
            if names.value(condition)?.is_true() {
                return Ok(None);
            }
            let reason = names.explain(&statement.text, condition, message.as_ref());
            Err(Failure { at: statement.at, reason })
        }
        Action::Print(values) => {
            let values = names.values(values)?;
            let words: Vec<String> = values.iter().map(Value::to_string).collect();
            Ok(Some(words.join(" ")))
        }
        Action::Assign { name, value } => {
            let value = names.value(value)?;
            variables.0.insert(name.clone(), value);
            Ok(None)
        }
    }
}

/// What names stand for.
struct Names<'a> {
    variables: &'a Variables,
    lookup: &'a dyn Fn(&str) -> Option<i64>,
}

impl Names<'_> {
    fn value(&self, expr: &Expr) -> Result<Value, Failure> {
        let fail = |reason| Failure { at: expr.at, reason };
        match &expr.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Name(name) => {
                self.named(name).ok_or_else(|| fail(format!("{name} is not known")))
            }
            Kind::List(members) => {
                let members = self.values(members)?;
                if members.iter().any(|member| matches!(member, Value::List(_))) {
                    return Err(fail("a list in a list is not supported".to_owned()));
                }
                Ok(Value::List(members.into()))
            }
            Kind::Not(operand) => Ok(Value::Truth(!self.value(operand)?.is_true())),
            Kind::Unary(operator, operand) => self.value(operand)?.unary(*operator).map_err(fail),
            Kind::Chain(first, rest) => {
                let mut value = self.value(first)?;
                for (operator, operand) in rest {
                    value = value.binary(*operator, &self.value(operand)?).map_err(fail)?;
                }
                Ok(value)
            }
            Kind::Power(base, exponent) => {
                self.value(base)?.power(&self.value(exponent)?).map_err(fail)
            }
            Kind::Compare(first, rest) => self.compare(expr, first, rest).map(Value::Truth),
            Kind::And(operands) => self.first(operands, false),
            Kind::Or(operands) => self.first(operands, true),
            Kind::Call(function, arguments) => {
                call(*function, &self.values(arguments)?).map_err(fail)
            }
        }
    }

    fn values(&self, exprs: &[Expr]) -> Result<Vec<Value>, Failure> {
        exprs.iter().map(|expr| self.value(expr)).collect()
    }

    fn named(&self, name: &str) -> Option<Value> {
        let assigned = self.variables.0.get(name).cloned();
        assigned.or_else(|| (self.lookup)(name).map(|number| Value::Integer(number.into())))
    }

    /// Whether every pair of neighbours holds. Stops at the first that does not.
    fn compare(
        &self,
        expr: &Expr,
        first: &Expr,
        rest: &[(Comparison, Expr)],
    ) -> Result<bool, Failure> {
        let mut left = self.value(first)?;
        for (comparison, operand) in rest {
            let right = self.value(operand)?;
            let holds = left.compare(*comparison, &right);
            if !holds.map_err(|reason| Failure { at: expr.at, reason })? {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    /// The first operand that is as `wanted`, or else the last: what `and` and `or` are in Python.
    fn first(&self, operands: &[Expr], wanted: bool) -> Result<Value, Failure> {
        let mut value = Value::Truth(!wanted);
        for operand in operands {
            value = self.value(operand)?;
            if value.is_true() == wanted {
                break;
            }
        }
        Ok(value)
    }

    /// Why the condition does not hold, with the values of both sides and of the names in them.
    fn explain(&self, text: &str, condition: &Expr, message: Option<&Expr>) -> String {
        let mut sides = Vec::new();
        condition.sides(&mut sides);
        let mut told = Vec::new();
        let mut values = Vec::new();
        sides.retain(|side| !matches!(side.kind, Kind::Literal(_)));
        for side in sides.into_iter().take(MAX_TOLD) {
            tell(side.written(text), self.value(side).ok(), &mut told, &mut values);
        }
        let mut names = Vec::new();
        condition.names(&mut names);
        let mut where_names = Vec::new();
        for (_, name) in names.into_iter().take(MAX_TOLD) {
            tell(name.to_owned(), self.named(name), &mut told, &mut where_names);
        }
        // `assert x == 1, x` need not tell x twice.
        let message = message.filter(|message| !told.contains(&message.written(text)));
        let message = message.map(|message| match self.value(message) {
            Ok(message) => format!("; {message}"),
            Err(failure) => format!("; its message fails: {failure}"),
        });
        let condition = condition.written(text);
        let values = enumerate(": ", &values) + &enumerate(", where ", &where_names);
        format!("{condition} does not hold{values}{}", message.unwrap_or_default())
    }
}

/// Adds `written is value`, unless that was told.
fn tell(written: String, value: Option<Value>, told: &mut Vec<String>, values: &mut Vec<String>) {
    if let Some(value) = value.filter(|_| !told.contains(&written)) {
        values.push(format!("{written} is {value:#}"));
        told.push(written);
    }
}

fn enumerate(sign: &str, values: &[String]) -> String {
    if values.is_empty() { String::new() } else { format!("{sign}{}", values.join(", ")) }
}
