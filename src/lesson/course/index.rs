//! The first page: what the course is, the map of the states, and the lessons chapter by chapter.

use std::fmt::Write;

use super::super::{CHAPTERS, texts};
use super::Frame;
use super::markdown::{link, prose, table};

pub(super) fn index(frame: &Frame) -> String {
    let (words, ui) = (frame.words(), texts::ui(frame.language));
    let mut page = String::new();
    let others = frame.others.iter().map(|(other, folder)| {
        link(&texts::table(*other).course.language, &format!("{folder}README.md"))
    });
    let mut above: Vec<_> = others.collect();
    above.push(link(&words.glossary, &frame.glossary));
    let ladders = frame.project.as_ref().map(|project| format!("{project}docs/ladders.md"));
    above.extend(ladders.map(|path| link(&words.ladders, &path)));
    let _ = writeln!(page, "{}\n\n# {}\n", above.join(" · "), words.title);
    let _ = writeln!(page, "{}\n\n{}\n", prose(&words.about), prose(&words.advice));
    let mut number = 0;
    for chapter in &CHAPTERS {
        let about = &frame.table().chapter[chapter.key];
        let _ = writeln!(page, "## {}\n\n{}\n", about.title, prose(&about.about));
        let mut rows = vec![vec![String::new(), words.contents.clone(), ui.question.clone()]];
        for plot in chapter.plots() {
            number += 1;
            let text = texts::text(frame.language, plot.name);
            rows.push(vec![
                number.to_string(),
                link(&text.title, &format!("{}.md", plot.name)),
                prose(&text.question),
            ]);
        }
        let _ = writeln!(page, "{}", table(&rows));
    }
    let states = &frame.states;
    let _ = writeln!(page, "## {}\n", words.map);
    let _ = writeln!(page, "{}\n", words.map_about.trim().replace("GLOSSARY", &frame.glossary));
    let _ = writeln!(page, "[![{}]({states})]({states})", words.map);
    page
}
