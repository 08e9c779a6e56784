//! What the responder itself says, to people at a browser and to those at a terminal.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::fields::{elements, weighted};

/// Who reads an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// A browser: it asks for HTML, by name.
    Browser,
    /// Anything else, curl to begin with.
    Terminal,
}

impl Reader {
    /// Whoever says in the field Accept that he would have HTML, and not rather plain text, is a browser.
    pub(super) fn of(headers: &HeaderMap) -> Reader {
        let (mut html, mut plain) = (0, 0);
        for (kind, weight) in elements(headers, header::ACCEPT).filter_map(weighted) {
            if kind.eq_ignore_ascii_case("text/html") {
                html = weight;
            } else if kind.eq_ignore_ascii_case("text/plain") {
                plain = weight;
            }
        }
        if html > 0 && html >= plain { Reader::Browser } else { Reader::Terminal }
    }

    /// What suits him of a page in both forms.
    pub(super) fn page(
        self,
        html: impl FnOnce() -> String,
        text: impl FnOnce() -> String,
    ) -> Response {
        let mut response = match self {
            Reader::Browser => Html(html()).into_response(),
            Reader::Terminal => text().into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::VARY, const { HeaderValue::from_static("accept") });
        // Nothing that a page repeats of a request makes it something else than what it says to be.
        headers
            .insert(header::X_CONTENT_TYPE_OPTIONS, const { HeaderValue::from_static("nosniff") });
        response
    }

    /// A page that says why there is nothing else to be had. `text` has lines of its own; it ends without
    /// one.
    pub(super) fn refusal(self, status: StatusCode, text: &str) -> Response {
        let title = status.to_string();
        let html = || {
            let content = html! {
                h1 { (title) }
                @for part in text.split("\n\n") {
                    @if part.starts_with("  ") { pre { (part) } } @else { p { (part) } }
                }
            };
            document(&title, &content)
        };
        let mut response = self.page(html, || format!("{text}\n"));
        *response.status_mut() = status;
        response
    }
}

/// A whole document with the look of the responder.
pub(super) fn document(title: &str, content: &Markup) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (content) }
        }
    };
    document.into_string() + "\n"
}

const STYLE: &str = ":root{color-scheme:light dark}\
    body{font:1rem/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}\
    h1{font-size:1.4rem;overflow-wrap:anywhere}td,th{padding-right:2rem;text-align:left}\
    td.figure{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}";

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(accept: &str) -> Reader {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        Reader::of(&headers)
    }

    #[test]
    fn html_is_for_those_who_name_it() {
        assert_eq!(Reader::of(&HeaderMap::new()), Reader::Terminal);
        for accept in [
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "Text/HTML;q=0.1",
            "text/plain, text/html",
        ] {
            assert_eq!(reader(accept), Reader::Browser, "{accept}");
        }
        for accept in
            ["*/*", "image/avif,*/*;q=0.8", "text/html;q=0", "text/plain, text/html;q=0.9", ""]
        {
            assert_eq!(reader(accept), Reader::Terminal, "{accept}");
        }
    }
}
