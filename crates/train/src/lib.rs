//! The training programs: data, VQGAN, decoder, prior, export, sample, report.
