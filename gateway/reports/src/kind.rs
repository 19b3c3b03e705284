//! Which reports there are, and what each cannot say.

/// A kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What is processed, what for, and who receives it.
    Processing,
    /// What was done with one person's data.
    Subject,
    /// What a breach reached.
    Breach,
    /// What went to another country, and on what basis.
    Transfers,
    /// To whom health data was disclosed.
    Disclosures,
    /// What agents received beside what they were spared.
    Necessity,
    /// What agents did.
    Agents,
    /// What rules did.
    Policy,
    /// What was not seen.
    Gaps,
    /// Whether the log holds.
    Integrity,
    /// Which categories of personal information were collected and disclosed.
    Collected,
    /// What is granted and not used.
    Unused,
    /// What was proven of the policies.
    Proofs,
    /// Who was erased, and what is left of them.
    Erasure,
    /// Who used which access, and who changed it.
    Access,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Processing,
        Self::Subject,
        Self::Breach,
        Self::Transfers,
        Self::Disclosures,
        Self::Necessity,
        Self::Agents,
        Self::Policy,
        Self::Gaps,
        Self::Integrity,
        Self::Collected,
        Self::Unused,
        Self::Proofs,
        Self::Erasure,
        Self::Access,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Subject => "subject",
            Self::Breach => "breach",
            Self::Transfers => "transfers",
            Self::Disclosures => "disclosures",
            Self::Necessity => "necessity",
            Self::Agents => "agents",
            Self::Policy => "policy",
            Self::Gaps => "gaps",
            Self::Integrity => "integrity",
            Self::Collected => "collected",
            Self::Unused => "unused",
            Self::Proofs => "proofs",
            Self::Erasure => "erasure",
            Self::Access => "access",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Processing => "Records of processing: evidence",
            Self::Subject => "Access by a data subject: evidence",
            Self::Breach => "Scope of a personal data breach: evidence",
            Self::Transfers => "Transfers to other countries: evidence",
            Self::Disclosures => "Accounting of disclosures: evidence",
            Self::Necessity => "Minimum necessary review: evidence",
            Self::Agents => "Activity of agents",
            Self::Policy => "Effect of policy",
            Self::Gaps => "Coverage gaps",
            Self::Integrity => "Integrity of the log",
            Self::Collected => "Personal information collected and disclosed: evidence",
            Self::Unused => "Use of what is granted",
            Self::Proofs => "Proofs of policy",
            Self::Erasure => "Erasure of data subjects: evidence",
            Self::Access => "Review of access: evidence",
        }
    }

    /// The provision that asks for what it tells.
    pub fn law(self) -> &'static str {
        match self {
            Self::Processing => "GDPR Art. 30(1)(b) to (e)",
            Self::Subject => "GDPR Art. 15(1)(a) to (c); CCPA 1798.110",
            Self::Breach => "GDPR Art. 33(3)(a); 45 CFR 164.404(c)(1)",
            Self::Transfers => "GDPR Ch. V, Art. 44 to 49",
            Self::Disclosures => "45 CFR 164.528(b)",
            Self::Necessity => "45 CFR 164.502(b), 164.514(d); GDPR Art. 5(1)(c)",
            Self::Agents => "45 CFR 164.308(a)(1)(ii)(D), 164.312(b)",
            Self::Policy => "45 CFR 164.308(a)(1)(ii)(D); GDPR Art. 25, 32(1)(d)",
            Self::Gaps => "45 CFR 164.312(b); GDPR Art. 32(1)(d)",
            Self::Integrity => "45 CFR 164.312(c)(1), 164.316(b)(2); GDPR Art. 5(1)(f)",
            Self::Collected => "CCPA 1798.110(c), 1798.115(c), 1798.130(a)(5)(B) and (C)",
            Self::Unused => "45 CFR 164.308(a)(4)(ii)(C); GDPR Art. 25(2)",
            Self::Proofs => "GDPR Art. 25, 32(1)(d); 45 CFR 164.308(a)(8)",
            Self::Erasure => "GDPR Art. 17, 18; CCPA 1798.105",
            Self::Access => "45 CFR 164.308(a)(3), 164.308(a)(4)(ii)(C), 164.312(a)(1), 164.312(d)",
        }
    }

    /// The controls of NIST SP 800-53, revision 5, that it is evidence for, as OSCAL's catalogue names
    /// them.
    pub(crate) fn controls(self) -> &'static [&'static str] {
        match self {
            Self::Processing => &["pm-5.1", "pt-3"],
            Self::Subject => &["pm-21", "si-18.4"],
            Self::Breach => &["ir-6", "ir-8.1"],
            Self::Transfers => &["ac-4", "sa-9.5"],
            Self::Disclosures => &["pm-21"],
            Self::Necessity => &["ac-6", "si-12.1"],
            Self::Agents => &["ac-2.12", "au-6", "au-12"],
            Self::Policy => &["ac-3", "ac-4", "au-6"],
            Self::Gaps => &["ca-7", "si-4"],
            Self::Integrity => &["au-9", "au-9.3", "au-10", "si-7"],
            Self::Collected => &["pm-21", "pt-3"],
            Self::Unused => &["ac-6", "ac-6.7"],
            Self::Proofs => &["ac-3", "ac-4"],
            Self::Erasure => &["si-12.3", "mp-6"],
            Self::Access => &["ac-2.4", "ac-6.7", "ac-6.9", "ia-9"],
        }
    }

    /// Whether it tells what a verification of the whole log found.
    pub fn wants_verdict(self) -> bool {
        self == Self::Integrity
    }

    /// Whether it must know what the policies grant.
    pub fn wants_grants(self) -> bool {
        self == Self::Unused
    }

    /// Whether it must know what was proven of the policies.
    pub fn wants_proofs(self) -> bool {
        self == Self::Proofs
    }

    /// Whether it must know what the gateway's host was, from before its time.
    pub fn wants_host(self) -> bool {
        self == Self::Transfers
    }

    /// What a reader could miss, and will not find here.
    pub(crate) fn limits(self) -> &'static [&'static str] {
        match self {
            Self::Processing => &[
                "The log does not know the controller's name and contacts (Art. 30(1)(a)), the time limits \
                 for erasure (f) or the organisation's other measures (g).",
                "A purpose is what the caller's token said.",
            ],
            Self::Subject => &[
                "The subject is found where an operation or a task's scope names them. Answers that list \
                 people (a search, a report) are not about one person, and are not in here.",
                "Values are not kept; a copy of the data (Art. 15(3)) comes from the services named.",
            ],
            Self::Breach => &[
                "Subjects are those that operations or scopes name; rows of a list are counted as values, \
                 not as people.",
            ],
            Self::Transfers => &[
                "A mechanism is the `@basis` of the rules that let the call pass. Where none is stated, none \
                 is claimed.",
            ],
            Self::Disclosures => &[
                "Disclosures that 45 CFR 164.528(a)(1) leaves out of an accounting (treatment, payment, \
                 operations) are not told apart: the purpose stands beside each.",
            ],
            Self::Necessity => &[
                "That a value was handed over says nothing of whether it was needed: who reviews this judges.",
            ],
            Self::Agents | Self::Policy => &[],
            Self::Gaps => {
                &["What went past the gateway is seen only where the kernel's part runs."]
            }
            Self::Integrity => &[
                "A log cut back to an earlier checkpoint, with all later ones gone, is told apart only by a \
                 checkpoint that was kept elsewhere.",
            ],
            Self::Collected => &[
                "What was sold or shared, and what is kept how long, the log does not know: a disclosure is \
                 what went to a service.",
                "Consumers are those that operations or scopes name; rows of a list are counted as values, \
                 not as people.",
            ],
            Self::Unused => &[
                "What nobody used in this time may be needed once a year: whoever takes it away judges.",
            ],
            Self::Proofs => &[
                "A proof is about the policies, not about what was configured of services and agents.",
            ],
            Self::Erasure => &[
                "Erased is what the log held of a person. What services hold of them is theirs to erase; a report \
                 `subject` that is made before the erasure names who received what (Art. 19).",
                "After an erasure nobody can tell whom a key was about: whoever confirms it to somebody keeps the number \
                 of its record.",
            ],
            Self::Access => {
                &["Access that nobody used is in `unused`, what rules grant in the policies."]
            }
        }
    }
}
