import { bookTwice } from "../../../shared/book.js";

export const dynamic = "force-dynamic";

export async function GET() {
  return new Response(await bookTwice(process.env.PARTITA_URL));
}
