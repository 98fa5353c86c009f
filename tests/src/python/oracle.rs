//! The package's judgement.

use serde::{Deserialize, Serialize};

use super::{Inner, Outer, PATIENCE, Python, Result, Script, hex, unhex};

/// A frame for the [`Oracle`], and the layers that the receiver has.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The bytes; what is behind the frame is counted and left alone.
    pub frame: Vec<u8>,
    /// The outer layers.
    pub outer: Outer,
    /// The inner layers.
    pub inner: Inner,
    /// Whether the custom message types 31 to 255 are known.
    pub all_types: bool,
}

/// What a netaio server would do with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A handler runs.
    Accepted(Accepted),
    /// None does.
    Refused(Refusal),
}

/// What the handler would get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The message type.
    pub kind: u8,
    /// The uri, after all layers.
    pub uri: Vec<u8>,
    /// The content, after all layers.
    pub content: Vec<u8>,
    /// The auth fields of the frame, packed keys and values, in the order of the wire;
    /// `None` when they are no dict, or nested too deep for packify to pack again.
    pub auth: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    /// How many bytes there are behind the frame.
    pub rest: usize,
}

/// Where a frame ends, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// The step: `incomplete`, `header`, `auth fields`, `body`, `checksum`, `auth`,
    /// `decrypt`, `inner auth` or `inner decrypt`.
    pub stage: String,
    /// What the server does: `wait`, `close`, `error`, `auth error` or `drop`.
    pub effect: String,
    /// What the package says.
    pub error: String,
}

#[derive(Serialize)]
struct RawQuestion<'a> {
    frame: String,
    secret: Option<&'a str>,
    key: Option<&'a str>,
    plain_uri: bool,
    inner_secret: Option<&'a str>,
    inner_key: Option<&'a str>,
    all_types: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawVerdict {
    Accepted {
        #[serde(rename = "type")]
        kind: u8,
        uri: String,
        content: String,
        auth: Option<Vec<(String, String)>>,
        rest: usize,
    },
    Refused(Refusal),
}

/// The real package's judgement on frames, thousands a second.
#[derive(Debug)]
pub struct Oracle {
    script: Script,
}

impl Oracle {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(python: &Python) -> Result<Self> {
        let script = python.spawn::<&str>("oracle.py", &[])?;
        Ok(Self { script })
    }

    /// Judges one frame.
    ///
    /// # Errors
    ///
    /// When the oracle has died.
    pub fn judge(&mut self, question: &Question) -> Result<Verdict> {
        self.write(question)?;
        self.read()
    }

    /// Judges many at once, without a round trip for each.
    ///
    /// # Errors
    ///
    /// When the oracle has died.
    pub fn judge_all(&mut self, questions: &[Question]) -> Result<Vec<Verdict>> {
        for question in questions {
            self.write(question)?;
        }
        questions.iter().map(|_| self.read()).collect()
    }

    fn write(&mut self, question: &Question) -> Result<()> {
        self.script.write_json(&RawQuestion {
            frame: hex(&question.frame),
            secret: question.outer.secret.as_deref(),
            key: question.outer.key.as_deref(),
            plain_uri: question.outer.plain_uri,
            inner_secret: question.inner.secret.as_deref(),
            inner_key: question.inner.key.as_deref(),
            all_types: question.all_types,
        })
    }

    fn read(&mut self) -> Result<Verdict> {
        match self.script.read_json(PATIENCE)? {
            RawVerdict::Refused(refusal) if refusal.stage == "question" => Err(self
                .script
                .failure(&format!("did not understand: {}", refusal.error))),
            RawVerdict::Refused(refusal) => Ok(Verdict::Refused(refusal)),
            RawVerdict::Accepted {
                kind,
                uri,
                content,
                auth,
                rest,
            } => {
                let pair = |(key, value): &(String, String)| Ok((unhex(key)?, unhex(value)?));
                let auth = auth.map(|pairs| pairs.iter().map(pair).collect::<Result<_>>());
                Ok(Verdict::Accepted(Accepted {
                    kind,
                    uri: unhex(&uri)?,
                    content: unhex(&content)?,
                    auth: auth.transpose()?,
                    rest,
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::PythonError;

    #[test]
    fn the_oracle_judges() -> Result<()> {
        let Some(python) = Python::get()? else {
            return Ok(());
        };
        let mut oracle = Oracle::start(&python)?;
        let frame = unhex("0000030008339503ac4d400000046563686f6869ff")?;
        let whole = Question {
            frame: frame.clone(),
            ..Question::default()
        };
        let wanted = Verdict::Accepted(Accepted {
            kind: 0,
            uri: b"echo".to_vec(),
            content: b"hi".to_vec(),
            auth: Some(Vec::new()),
            rest: 1,
        });
        assert_eq!(oracle.judge(&whole)?, wanted);
        let questions: Vec<_> = (0..frame.len().saturating_sub(1))
            .map(|size| Question {
                frame: frame.iter().copied().take(size).collect(),
                ..Question::default()
            })
            .collect();
        for verdict in oracle.judge_all(&questions)? {
            let Verdict::Refused(refusal) = verdict else {
                return Err(PythonError::new("a cut frame was accepted"));
            };
            assert_eq!(refusal.stage, "incomplete");
        }
        let signed = Question {
            outer: Outer {
                secret: Some("s".to_owned()),
                ..Outer::default()
            },
            ..whole
        };
        let Verdict::Refused(refusal) = oracle.judge(&signed)? else {
            return Err(PythonError::new("an unsigned frame was accepted"));
        };
        assert_eq!((&*refusal.stage, &*refusal.effect), ("auth", "auth error"));
        Ok(())
    }
}
