//! The curves of experiments as a picture.

use super::goodput::{self, Window};
use super::words;
use crate::sim::bottleneck::{FlowOutcome, Outcome, Sample, Scenario};
use crate::view::chart::{Chart, Line, Mark, Panel};

/// The curves of all flows: those that shared a bottleneck, or several that had one each. All outcomes
/// are of the same bottleneck.
#[must_use]
pub fn figure(outcomes: &[Outcome]) -> Chart {
    let flows: Vec<(&Scenario, &FlowOutcome)> = outcomes
        .iter()
        .flat_map(|outcome| outcome.flows.iter().map(move |flow| (&outcome.scenario, flow)))
        .collect();
    let Some((scenario, _)) = flows.first() else { return Chart::default() };
    Chart {
        title: title(outcomes),
        subtitle: format!("{}, seed {}", words::conditions(scenario), scenario.seed),
        legend: flows.iter().zip(1..).map(|((_, flow), number)| entry(flow, number)).collect(),
        seconds: scenario.duration.as_secs_f64(),
        panels: vec![
            window(&flows),
            in_flight(&flows),
            round_trip(&flows),
            goodput(&flows),
            queue(outcomes),
        ],
    }
}

fn title(outcomes: &[Outcome]) -> String {
    let names: Vec<&str> = outcomes
        .iter()
        .flat_map(|outcome| &outcome.flows)
        .map(|flow| flow.plan.algorithm.name())
        .collect();
    let names = names.join(", ");
    match outcomes {
        [one] if one.flows.len() > 1 => format!("{names}: one bottleneck for all"),
        [_] => format!("{names}: alone"),
        _ => format!("{names}: each alone"),
    }
}

fn entry(flow: &FlowOutcome, number: usize) -> String {
    let name = flow.plan.algorithm.name();
    if flow.plan.start.is_zero() {
        format!("{number} {name}")
    } else {
        format!("{number} {name} from {}", words::time(flow.plan.start))
    }
}

type Flows<'a> = [(&'a Scenario, &'a FlowOutcome)];

/// A curve for each flow.
fn lines(flows: &Flows<'_>, value: impl Fn(&Sample) -> Option<f64>) -> Vec<Line> {
    let points = |flow: &FlowOutcome| {
        let points = flow.samples.iter().map(|sample| (sample.at.as_secs_f64(), value(sample)));
        points.filter_map(|(at, value)| Some((at, value?))).collect()
    };
    let lines = flows.iter().enumerate();
    lines.map(|(ink, (_, flow))| Line { ink, dashed: false, points: points(flow) }).collect()
}

fn window(flows: &Flows<'_>) -> Panel {
    let scenario = flows[0].0;
    let mut all = lines(flows, |sample| Some(f64::from(sample.cwnd)));
    let thresholds = lines(flows, |sample| sample.ssthresh.map(f64::from));
    all.extend(thresholds.into_iter().map(|line| Line { dashed: true, ..line }));
    let marks = vec![
        Mark { value: scenario.bdp(), words: "BDP".to_owned() },
        Mark { value: full(scenario), words: "BDP + buffer".to_owned() },
    ];
    in_octets("cwnd; dashed: ssthresh", all, marks)
}

fn in_flight(flows: &Flows<'_>) -> Panel {
    let mark = Mark { value: full(flows[0].0), words: "BDP + buffer".to_owned() };
    let lines = lines(flows, |sample| Some(f64::from(sample.in_flight)));
    in_octets("in flight", lines, vec![mark])
}

fn round_trip(flows: &Flows<'_>) -> Panel {
    let millis = |sample: &Sample| Some(sample.srtt?.as_secs_f64() * 1e3);
    let value = flows[0].0.rtt.as_secs_f64() * 1e3;
    Panel {
        title: "round-trip time, smoothed, ms".to_owned(),
        lines: lines(flows, millis),
        marks: vec![Mark { value, words: "the path alone".to_owned() }],
    }
}

fn goodput(flows: &Flows<'_>) -> Panel {
    let lines = flows.iter().enumerate().map(|(ink, (scenario, flow))| {
        let rates = goodput::over(&flow.samples, Window::of(scenario));
        let points = flow.samples.iter().map(|sample| sample.at.as_secs_f64());
        let points = points.zip(rates.into_iter().map(|rate| rate / 1e6)).collect();
        Line { ink, dashed: false, points }
    });
    let value = flows[0].0.payload_rate() / 1e6;
    Panel {
        title: "goodput, Mbit/s".to_owned(),
        lines: lines.collect(),
        marks: vec![Mark { value, words: "what fits".to_owned() }],
    }
}

/// A curve for each bottleneck: in the colour of its first flow, which has seen it for longest.
#[expect(clippy::cast_precision_loss, reason = "octets of a buffer")]
fn queue(outcomes: &[Outcome]) -> Panel {
    let mut firsts = Vec::new();
    let mut ink = 0;
    for outcome in outcomes {
        if let Some(flow) = outcome.flows.first() {
            let points = flow.samples.iter();
            let points = points.map(|sample| (sample.at.as_secs_f64(), sample.queue as f64));
            firsts.push(Line { ink, dashed: false, points: points.collect() });
        }
        ink += outcome.flows.len();
    }
    let buffer = outcomes[0].scenario.buffer_octets() as f64;
    let mark = Mark { value: buffer, words: "buffer".to_owned() };
    in_octets("queue of the bottleneck", firsts, vec![mark])
}

/// In the unit that suits the largest value.
fn in_octets(what: &str, mut lines: Vec<Line>, mut marks: Vec<Mark>) -> Panel {
    let values = lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    let most = values.chain(marks.iter().map(|mark| mark.value)).fold(0.0, f64::max);
    let (factor, unit) = if most >= 2e6 { (1e6, "MB") } else { (1e3, "kB") };
    let points = lines.iter_mut().flat_map(|line| &mut line.points);
    points.for_each(|(_, value)| *value /= factor);
    marks.iter_mut().for_each(|mark| mark.value /= factor);
    Panel { title: format!("{what}, {unit}"), lines, marks }
}

/// What the path and the buffer hold.
#[expect(clippy::cast_precision_loss, reason = "octets of a buffer")]
fn full(scenario: &Scenario) -> f64 {
    scenario.bdp() + scenario.buffer_octets() as f64
}
