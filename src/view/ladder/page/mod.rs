//! Ladders as one HTML document that needs nothing else: pictures, what each header says, the names of the
//! states. It can be read without a script; with one, the row that is pointed at, or has the focus, is told in
//! full beside the picture.

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::exchange::Exchange;
use super::picture::{self, CSS, Picture, PictureStyle};
use super::row::Row;
use super::{fields, telling};
use crate::tcp::{State, names};
use crate::view::words;

const PAGE_CSS: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The document; `beyond` is of how many connections there are no ladders.
pub(super) fn document(
    title: &str,
    exchanges: &[Exchange<'_>],
    beyond: u64,
    style: &PictureStyle,
) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(CSS)) (PreEscaped(PAGE_CSS)) }
            }
            body {
                header {
                    h1 { (title) }
                    (how_to_read())
                    @if exchanges.len() > 1 { (contents(exchanges)) }
                }
                main {
                    @for (number, exchange) in exchanges.iter().enumerate() {
                        (section(number + 1, exchange, style))
                    }
                    @if exchanges.is_empty() { p { "No connection was seen." } }
                    @if beyond > 0 {
                        p { (words::count(beyond, "more connection")) ": not drawn." }
                    }
                    (spellings(exchanges))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn how_to_read() -> Markup {
    html! {
        p {
            "Time goes down. Each arrow is a segment, on its way from one end to the other; the bars are the \
             states that each end goes through, each with its name where it begins and the section of RFC 9293 \
             that asks for it. Point at a row, or move with the Tab and arrow keys, to read all of its header."
        }
    }
}

fn contents(exchanges: &[Exchange<'_>]) -> Markup {
    html! {
        nav aria-label="Connections" {
            ul {
                @for (number, exchange) in exchanges.iter().enumerate() {
                    li { a href={ "#c" (number + 1) } { (picture::heading(exchange)) } }
                }
            }
        }
    }
}

/// One connection.
fn section(number: usize, exchange: &Exchange<'_>, style: &PictureStyle) -> Markup {
    let id = format!("c{number}");
    let Picture { width, height, elements } = picture::picture(exchange, &id, style);
    let heading = picture::heading(exchange);
    html! {
        section.ladder id=(id) aria-label=(heading) {
            div.stage {
                svg xmlns="http://www.w3.org/2000/svg" role="group" width=(width) height=(height)
                    viewBox={ "0 0 " (width) " " (height) } aria-label=(heading) {
                    title { (heading) }
                    desc { (picture::description(exchange)) }
                    (PreEscaped(elements))
                }
                aside.detail aria-live="polite" {
                    p { "Point at a row to see its header here." }
                }
            }
            p.summary { (telling::summary(&exchange.record).join("; ")) "." }
            details {
                summary { "All rows, field by field" }
                div.wide { (table(&id, exchange)) }
            }
        }
    }
}

fn table(id: &str, exchange: &Exchange<'_>) -> Markup {
    html! {
        table {
            thead {
                tr { @for column in columns(exchange) { th scope="col" { (column) } } }
            }
            tbody {
                @for (number, row) in exchange.rows.iter().enumerate() {
                    (line(&picture::number_of(id, number), exchange, row))
                }
            }
        }
    }
}

fn line(id: &str, exchange: &Exchange<'_>, row: &Row) -> Markup {
    html! {
        tr id=(id) { @for cell in fields::cells(exchange, row) { td { (cell) } } }
    }
}

/// What the columns are called: the states stand under the names of the ends.
fn columns(exchange: &Exchange<'_>) -> Vec<String> {
    let [left, right] = exchange.ends();
    let name = |(index, column): (usize, &str)| match index {
        10 => format!("state of {left}"),
        11 => format!("state of {right}"),
        _ => column.to_owned(),
    };
    fields::COLUMNS.into_iter().enumerate().map(name).collect()
}

/// The states that occur, as different people call them.
fn spellings(exchanges: &[Exchange<'_>]) -> Markup {
    let met: BTreeSet<_> = exchanges.iter().flat_map(picture::states).map(position).collect();
    let met: Vec<_> =
        State::ALL.into_iter().filter(|state| met.contains(&position(*state))).collect();
    html! {
        @if !met.is_empty() {
            section.names aria-label="Names of the states" {
                h2 { "Names of the states" }
                table {
                    thead {
                        tr {
                            th scope="col" { "here, and in course notes" }
                            th scope="col" { "RFC 9293" }
                            th scope="col" { code { "ss" } }
                            th scope="col" { "中文" }
                        }
                    }
                    tbody {
                        @for state in met {
                            tr {
                                th scope="row" { (names::course(state)) }
                                td { (names::rfc(state)) }
                                td { (names::ss(state)) }
                                td lang="zh" { (names::chinese(state)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn position(state: State) -> Option<usize> {
    State::ALL.into_iter().position(|other| other == state)
}
