/** The settings of the Worker in these tests. */
export const identitySettings = {
  PARTITA_JWT_SECRET: "a secret of at least thirty-two bytes",
  PARTITA_JWT_ISSUER: "https://issuer.example",
  PARTITA_JWT_AUDIENCE: "partita",
  PARTITA_ALLOWED_ORIGINS: "https://app.example",
  PARTITA_CLIENT_ID_CLAIM: "device",
};
