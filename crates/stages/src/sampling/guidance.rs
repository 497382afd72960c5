//! Classifier-free guidance (Ho and Salimans, 2022): combines a prediction with the text and one without it.

use wuerst_core::{Args, Error, Refusal, Result, Tensor, Unused, memory};
use wuerst_runtime::InvariantOutputs;

/// Ports for guidance, shared by the prior and the decoder, in signature notation.
macro_rules! guidance_ports {
    () => {
        "guidance: float? {0.0..100.0}, guidance_start: float = 1.0 {0.0..1.0}, \
         guidance_end: float = 0.0 {0.0..1.0}, guidance_batch: int = 2 {1..2}, \
         guidance_rescale: float = 0.0 {0.0..1.0}"
    };
}
pub(crate) use guidance_ports;

/// Descriptions of these ports.
pub(crate) const ABOUT: [(&str, &str); 5] = [
    (
        "guidance",
        "How far to move from the negative text towards the text. Up to 1 it is off, and so it is without a \
         negative text. The model's own number when left out.",
    ),
    (
        "guidance_start",
        "The time from which on there is guidance: 1 is noise, 0 the picture. Outside of the interval the text alone is \
         evaluated, which takes half as long.",
    ),
    ("guidance_end", "The time until which there is guidance, not above `guidance_start`."),
    (
        "guidance_batch",
        "2 evaluates both texts at once, 1 one after the other, with half the memory for intermediate values. Pictures \
         agree up to rounding.",
    ),
    (
        "guidance_rescale",
        "How far the guided prediction is scaled back to the deviation that it has with the text alone, which keeps \
         colours from burning out: 0 not at all, 1 all the way. The authors of Stable Cascade set 0.7.",
    ),
];

/// Strength and interval of guidance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Guidance {
    weight: f32,
    start: f64,
    end: f64,
    apart: bool,
    rescale: f32,
}

/// The ports of which guidance needs one: the negative text, in the model's form.
const NEGATIVES: [&str; 2] = ["negative", "negative_pooled"];

/// Conditioning tensors of a model, by input name.
pub(crate) type Feeds = Vec<(&'static str, Tensor)>;

/// Conditionings of a picture: with the text, and without it for guidance.
pub(crate) struct Conditions {
    text: Conditioning,
    negative: Option<Conditioning>,
    /// Both as one batch, the text first, if they are evaluated together.
    both: Option<Conditioning>,
}

/// Conditioning inputs of a model, and the step-invariant outputs derived from them.
struct Conditioning {
    feeds: Feeds,
    invariant: InvariantOutputs,
}

impl Conditioning {
    fn new(feeds: Feeds) -> Conditioning {
        Conditioning { feeds, invariant: InvariantOutputs::default() }
    }
}

impl Guidance {
    /// Reads the arguments of [`guidance_ports`]; `own` is the model's weight. `None` if guidance is off.
    pub(crate) fn new(args: &Args<'_>, own: f64) -> Result<Option<Guidance>> {
        Guidance::check(args)?;
        let weight = if args.has("guidance") { args.float("guidance")? } else { own };
        let (start, end) = (args.float("guidance_start")?, args.float("guidance_end")?);
        let apart = args.int("guidance_batch")? == 1;
        let rescale = args.float("guidance_rescale")? as f32;
        let guidance = Guidance { weight: weight as f32, start, end, apart, rescale };
        let negative = NEGATIVES.iter().any(|port| args.has(port));
        Ok((weight > 1. && negative).then_some(guidance))
    }

    /// Checks that the interval is not empty, as far as it is known.
    pub(crate) fn check(known: &Args<'_>) -> Result<(), Refusal> {
        let bounds = ["guidance_start", "guidance_end"];
        if bounds.iter().all(|port| known.has(port)) {
            let [start, end] = [known.float(bounds[0])?, known.float(bounds[1])?];
            if end > start {
                let message = format!("{end} is above `guidance_start`, {start}: time runs from 1 down to 0");
                return Err(Refusal::at("guidance_end", message));
            }
        }
        Ok(())
    }

    /// The weight, as far as it is known; `own` is the model's.
    fn weight(known: &Args<'_>, own: f64) -> Option<f64> {
        match known.given("guidance") {
            Some(false) => Some(own),
            _ => known.float("guidance").ok(),
        }
    }

    /// The negative text, where guidance is off; `own` is the model's weight.
    pub(crate) fn unused(known: &Args<'_>, own: f64) -> Option<Unused> {
        let weight = Guidance::weight(known, own).filter(|weight| *weight <= 1.)?;
        let why = format!("guidance is {weight}, and off up to 1; set it to 2 or more");
        Some(Unused { ports: &NEGATIVES, why })
    }

    /// Number of pictures that the model gets at once, as far as it is known; `own` is the model's weight.
    pub(crate) fn batch(known: &Args<'_>, own: f64) -> Option<usize> {
        let weight = Guidance::weight(known, own);
        let apart = known.int("guidance_batch").ok().map(|batch| batch == 1);
        let negative = match NEGATIVES.map(|port| known.given(port)) {
            [Some(true), _] | [_, Some(true)] => Some(true),
            [Some(false), Some(false)] => Some(false),
            _ => None,
        };
        match (negative, weight, apart) {
            (Some(false), ..) | (_, _, Some(true)) => Some(1),
            (_, Some(weight), _) if weight <= 1. => Some(1),
            (Some(true), Some(_), Some(false)) => Some(2),
            _ => None,
        }
    }

    fn is_on(&self, t: f64) -> bool {
        (self.end..=self.start).contains(&t)
    }

    /// u + w·(c − u) for the predictions c (text) and u (negative text), computed from the nearer end, like torch.lerp.
    fn of(&self, text: &[f32], negative: &[f32]) -> Vec<f32> {
        let rest = 1. - self.weight;
        let mut guided: Vec<f32> = text.iter().zip(negative).map(|(c, u)| c - (c - u) * rest).collect();
        if self.rescale > 0. {
            let factor = deviation(text) / (deviation(&guided) + 1e-9);
            let factor = f64::from(self.rescale) * factor + 1. - f64::from(self.rescale);
            guided.iter_mut().for_each(|e| *e = (f64::from(*e) * factor) as f32);
        }
        guided
    }
}

/// The standard deviation of a prediction.
fn deviation(values: &[f32]) -> f64 {
    let count = values.len().max(2) as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
    let squares = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>();
    (squares / (count - 1.)).sqrt()
}

impl Conditions {
    /// `negative` is for guidance; its tensors have the shapes of the text's.
    pub(crate) fn new(
        text: Feeds,
        negative: Option<Feeds>,
        guidance: Option<&Guidance>,
    ) -> Result<Conditions> {
        let both = match &negative {
            Some(negative) if guidance.is_some_and(|guidance| !guidance.apart) => {
                let pairs = text.iter().zip(negative);
                Some(
                    pairs
                        .map(|((name, c), (_, u))| Ok((*name, Tensor::joined(&[c, u])?)))
                        .collect::<Result<_>>()?,
                )
            }
            _ => None,
        };
        let (text, negative) = (Conditioning::new(text), negative.map(Conditioning::new));
        Ok(Conditions { text, negative, both: both.map(Conditioning::new) })
    }

    /// Predicts the noise in `x`, of shape `[c,h,w]`, at time `t`.
    ///
    /// `evaluate` runs the model on latents `[n,c,h,w]`, times `[n]` and conditions of n pictures, and may keep
    /// step-invariant outputs in the conditions.
    pub(crate) fn predict(
        &self,
        guidance: Option<&Guidance>,
        (t, x, shape): (f64, &[f32], [usize; 3]),
        mut evaluate: impl FnMut(&[(&str, &Tensor)], &InvariantOutputs) -> Result<Tensor>,
    ) -> Result<Vec<f32>> {
        let mut ask = |conditioning: &Conditioning, count: usize| {
            let shape = [&[count], &shape[..]].concat();
            let mut latents = memory::room(count * x.len())?;
            (0..count).for_each(|_| latents.extend_from_slice(x));
            let latents = Tensor::from_vec(&shape, latents)?;
            let timestep = Tensor::from_vec(&[count], vec![t as f32; count])?;
            let mut feeds = vec![("latents", &latents), ("timestep", &timestep)];
            feeds.extend(conditioning.feeds.iter().map(|(name, tensor)| (*name, tensor)));
            let noise = evaluate(&feeds, &conditioning.invariant)?;
            match noise.values::<f32>().filter(|_| noise.shape() == shape) {
                Some(values) => memory::copied(values),
                None => {
                    let got = format!("{}{:?}", noise.dtype(), noise.shape());
                    Err(Error::Type {
                        what: "the model's `noise`".into(),
                        want: format!("f32{shape:?}"),
                        got,
                    })
                }
            }
        };
        match (guidance.filter(|guidance| guidance.is_on(t)), &self.both, &self.negative) {
            (Some(guidance), Some(both), _) => {
                let noise = ask(both, 2)?;
                let (text, negative) = noise.split_at(noise.len() / 2);
                Ok(guidance.of(text, negative))
            }
            (Some(guidance), None, Some(negative)) => {
                Ok(guidance.of(&ask(&self.text, 1)?, &ask(negative, 1)?))
            }
            _ => ask(&self.text, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use wuerst_core::{Signature, Value};

    use super::*;

    const SIGNATURE: &str = concat!(guidance_ports!(), ", negative: f32[n]? ->");

    fn guidance(
        weight: Option<f64>,
        interval: [f64; 2],
        batch: i64,
        negative: bool,
    ) -> Result<Option<Guidance>> {
        let ports: Signature = SIGNATURE.parse()?;
        let negative = negative.then(|| ndarray::Array1::<f32>::zeros(1).into());
        let [start, end] = interval.map(Value::Float);
        let rescale = Some(Value::Float(0.));
        let values =
            [weight.map(Value::Float), Some(start), Some(end), Some(Value::from(batch)), rescale, negative];
        Guidance::new(&Args::new(&ports.inputs, &values), 4.)
    }

    /// Predicts x + condition, and says in which batches.
    fn predicted(guidance: Option<Guidance>, t: f64) -> Result<(Vec<f32>, Vec<usize>)> {
        let side =
            |value: f32| -> Result<Feeds> { Ok(vec![("text", Tensor::from_vec(&[1, 1], vec![value])?)]) };
        let negative = if guidance.is_some() { Some(side(10.)?) } else { None };
        let conditions = Conditions::new(side(1.)?, negative, guidance.as_ref())?;
        let mut batches = vec![];
        let noise = conditions.predict(guidance.as_ref(), (t, &[2., 3.], [1, 1, 2]), |feeds, _| {
            let values = |at: usize| feeds[at].1.values::<f32>().unwrap_or_default();
            assert_eq!(
                feeds.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
                ["latents", "timestep", "text"]
            );
            batches.push(values(1).len());
            let sums = values(0).chunks(2).zip(values(2)).flat_map(|(x, c)| x.iter().map(move |x| x + c));
            Tensor::from_vec(feeds[0].1.shape(), sums.collect())
        })?;
        Ok((noise, batches))
    }

    #[test]
    fn guidance_needs_weight_and_negative_text() -> Result<()> {
        for off in [guidance(Some(1.), [1., 0.], 2, true)?, guidance(Some(3.), [1., 0.], 2, false)?] {
            assert_eq!(predicted(off, 0.5)?, (vec![3., 4.], vec![1]));
        }
        // u + 3·(c − u) with c = x + 1 and u = x + 10.
        let want = vec![2. + 10. - 27., 3. + 10. - 27.];
        assert_eq!(predicted(guidance(Some(3.), [1., 0.], 2, true)?, 0.5)?, (want.clone(), vec![2]));
        assert_eq!(predicted(guidance(Some(3.), [1., 0.], 1, true)?, 0.5)?, (want, vec![1, 1]));
        assert_eq!(predicted(guidance(None, [1., 0.], 2, true)?, 0.5)?.0, [2. + 10. - 36., 3. + 10. - 36.]);
        Ok(())
    }

    #[test]
    fn rescaling_restores_the_deviation_of_the_text() {
        let some = |rescale| Guidance { weight: 5., start: 1., end: 0., apart: false, rescale };
        let (text, negative) = ([1., -2., 3., 0.5], [0.5, 1., -1., 2.]);
        let spread = |rescale| deviation(&some(rescale).of(&text, &negative)) / deviation(&text);
        assert!((spread(1.) - 1.).abs() < 1e-6 && spread(0.) > 2.);
        assert!((spread(0.5) - (spread(0.) + 1.) / 2.).abs() < 1e-6);
    }

    #[test]
    fn outside_of_its_interval_the_text_is_evaluated_alone() -> Result<()> {
        let some = guidance(Some(3.), [0.8, 0.3], 2, true)?;
        for (t, batch) in [(1., 1), (0.81, 1), (0.8, 2), (0.5, 2), (0.3, 2), (0.29, 1)] {
            assert_eq!(predicted(some, t)?.1, [batch], "at {t}");
        }
        let said = guidance(Some(3.), [0.3, 0.8], 2, true).unwrap_err().to_string();
        assert!(said.contains("guidance_end") && said.contains("0.8 is above"), "{said}");
        Ok(())
    }
}
