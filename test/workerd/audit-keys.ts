/** Keys of tests only: one that signs, and an earlier one that only verifies. */
export const auditKeys = JSON.stringify({
  keys: [
    {
      kid: "audit-2",
      kty: "OKP",
      crv: "Ed25519",
      d: "G1a_-9Zyrj48JaA5m3FDHlXgQgm_VC7U7Mm2JILx56Y",
      x: "5Bzw1DgHucJSxgDgAZwX8LMphWFIER449vpmO_rRBh0",
    },
    {
      kid: "audit-1",
      kty: "EC",
      crv: "P-256",
      x: "Md7NJoDU8PLrCX8l0SXhfbTcE23_RJR24IK0d5x29V4",
      y: "rxLwhzs5_mnd6FyXnm_qz4B6sXvlG7a538dFeAplPaM",
    },
  ],
});
