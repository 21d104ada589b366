import { gunzipSync } from 'node:zlib';

/**
 * Small erofs images of one tree, each with what one way of building brings, as mkfs.erofs wrote them:
 * usr/bin/jq (0o4755, 1000:1001), usr/bin/long (5000 times x), a link, a fifo, a device, usr/tmp (0o1777),
 * an empty opt, and in usr/lib/extension-release.d: jq (strict=false), other (strict=true), link -> other.
 */
const images = {
  /** mkfs.erofs 1.5 -x1: extended inodes, own and shared attributes. */
  plain:
    'H4sIAAAAAAACA+1YS2/TQBAe20naugWEOBDUCxVECKkkBCQqHhXiUYleQCI8DghaB2+IU9dubKcqN7jBz0Dqv+B3cAcOCA6V4MC5jON1M0nsohWHSmU+yfLnsXe+md3NzCoADAbjf8XXL78/z3789M1APgMVOCbt0wv6Wny//rMEOvn++Aj+Vb+kFSBsW4GwQ2tdjL8v4rVzC+CqfN5FDH3wq7E3qpDhvyLvFzGLlNeRn5f8MvJ5ya8gr1ar/kbUC4MR/Vmir+Xo6xn6qU6Z6J9KdIb83yP+9Rz/xQz/aew3iP9F5HXJbyJflfw28k3Jl5IYmo7nOs1ofSNvfdL4HBKfoZB/GscjMs+PkS9I/hQV0rV9BhrmkeA5TGDsCSy0v5BcgBHH3XJafqfrOt6a63uvvJ7r5sQfr9X2yC4t5MSvZeavw857AJPkH8/Jd5yEH8bfx1P7aSRn5mo457WwbQ7md/cD/t6I/5JCfDXcqn2PnW7u+m2/BXh3YuBjQsH/FoPBOHDAfvVtbvBsoGFSqb4l9f0aqT9TOeONjPFpbzlL6nsFuS35uaTPiK1IeKHjexcC4QorFFV7WP8N0TcV+otN+t8q6X+dvf6ngSd5AytfWiUdtGfG1emO2+I+M271o7YIili54/o6SeKfVpj/0f5Q1oowLhVGgfMyalluGDtbvru4YnmvTdo/ThL9GQX9nLTI/pjq51cm/o8o5peijGe9vNyioCcwL1s0Hcsznyw9bCw/uL+Clvolcz+f/fzvDJ/Pjirsn01yPpvPOJ8ddnBlZTAYDAaDwWAwGAwG4/D/r/gHvdb/HwAgAAA=',
  /** mkfs.erofs 1.5 -x1 -T1700000000 --force-uid=0 --force-gid=0: compact inodes. */
  compact:
    'H4sIAAAAAAACA+2YS2sTURTHz80kfUyrUrpoihuLBqVg0ocUFYv4KFgoCkYbqJQwMTedidOZZmYC7a7d6SdwLWTt53HZuu/Chev2THKvOel0snEh6vlByD/3zHlwb/jfEACGYf5Xvp/8PP72eeOrgXoSCnBNB36UpZYZ8vzUBX63/4jIQmhbgayH1q5MxrP4On2ShQfq8xlC4wX1voBTar2I+o7Sy6jnlV5BXSwW/b2oHQYD9TNwndQXpL6ukyf1Z3t1SH4OXpB8ul+69yOSvxrnK/0YdUXpp6htpdd6PWqO5zq1aHcvbf/0/A7pb5C47vOG7MNb1MtKVyAH95R+BwL3qMc2jMJ9pS1c31RaghHP1XAafrPlOt4H1/d2vLbrDjnjzpRIzNzXGTj9JMAk8+cu5OvsGyhuzpVwT0qhbfZrnX0RMEHyR0huCY+6m9Fspe5f50jAx+l+r1ES32cY5o8z7A7pzPX9xUA5lvBHAx4Sfxgnce29t4g/FlBvKX2758NyP5Je6Pje3UC60gplsT7ov4ekvknqbxH/rxD/r/7yfwE1pcvoPKos+rm4vG+zlVyLfTi56ke2DLLojLG/jZH5Job4a17kIFkqjALnfdSw3DC+otefr1Yt78Ck/jtD6k+S2iljkfMZ786XJ/lXUs45j78V0maLgrbEueqy5lieubn2urz+6mUVVxaXzGHfne78zwbv/6skbpP7f/6S+59h/mb4ZmEYhmEYhmEYhmGYf/9/1XOKcSBxACAAAA==',
  /** mkfs.erofs 1.5 --chunksize=4096. */
  chunks:
    'H4sIAAAAAAACA+3az28SQRQH8FmWH0J/GOJBjKdGjCaN0GpSf8TGWGnSXmoiWpMa0ywyyNLtbtldTL3pTf8ME/8w9aQHDh56rm/ZWRhgF1wTLvj9JA2PCTvvzdsZaEkZA4D/1Y/vZ9/O3hW7KsWLrMguivGFu4kj7zG/lGFp6fX5EaPzJWPmT9FP9zFj98XzczL0gt9VPmnuonhcY4l+vE7xTRHfoXhVxBsUl0ol68TtOPZI/qtSfiUifyIkf5CnIOW/4ucZmn9Hmj8RMX8qZP6g9ofS/JsUr4n4EcUVEW9RfCDibb+Gmm4aes09PpnWf12qT42x/qCO51KfX1C8IeKXlOGeiF8xhdbhe80yVLtPo/EtEXOmenU39IbVahu6eWRY5luzYxgR9Xv36mt+wh6U6ldCrs9Sfd3PjOVGevKTmvBLnX69LK0kmdPUbF53tGM+/fVBrvMvdN6k/qdj1F+mrVymu1xutUPnz3r9+cjYp0uDsUyM+b17rk6ov9f/lcFzlQYuxJg/2H8PpPVnI64Pq6PSfx8Y7L/rFAfn7YZ/Dvipy01Ht8xbNje45vBSfTj/Byl/Lsb+35HOZ0U6n3v986mwqoir1Pl9Ees0HlpXqz0+5p2D8VHLbXI7y5Z791fu+UKM/ssKSoqNp3FcW3/jNjTD4SF7PPmX+/uy1N/FGPVFLFva39ne+gvSNUv/vP5k5Ppdu8NTUet7Mvz5sRxj/xxInx+rIZ8fAACzcm2l99uD08yhFwAAAAAAAADz6hQAAAAAAAAAAABmDt9EAgAAAADArO1WNg818z3++x8AAAAAAABgvv/+r/Oarpm5/e1n1d2ne4c0sn4b3wcAAAAAAAAAzJE/3yBp1ABgAAA=',
  /** mkfs.erofs 1.8.6 -b512. */
  smallBlocks:
    'H4sIAAAAAAACA+1ZTW/TQBAdx3HSGGhBHAjiVLUIpIqkH1IQEVEFoai9gET4OCBUOWRDnLp2YztSucENfgZS/xeFExwqhATiGMbJOt4ma4zVSwXzJGufV7szb2dnfBgDEAiE/xWfP/08DMYcPgVYhDk+f+ZmZicYF+p5OC+svzCBk/rX8Dm6A3CLvw8Qirjge4OFNCvZv8jHZciM+Qry65yvIV/ivIK8VCo5e37fcyf8XxH8Z2L8ZyT+Qz9Fwf/lkZ9j9jcF+2qMfU1iP9R+W7BfQ77M+TryCud3kVc53xhpaJq2ZTb93b2k+JuCvmyK84c6HgtxfoK8xvkz9LDO+XNQoM75C8jDIecGzt/nnIEa6G6bbafbs0x7x3LsV3bfshL0VwX9Wox+VbK/Ms6jSP9V5OF9XRvFke37zPZMx77hMosZHiu1Iv+D+vH8yaWIX1XInyVJ/gS1cDBRZfkY+4o0PhocvQfQBX0zOH7BYHxVk/fj8l8hzylZ8DqGy1qesYu7FubLmF9lr6P/ub4HH/B7IvgvpNBfxlIdeun2pPaH8ZmP3lUl8vV38RnlzxtB39kU97cp1GdFqM9v4/pU4AfnDby5MJgmzkvzqtubngvqYHrW8TvMPen3d59AIBAIBAKBQCAQCAQCgfBPI+h/HbwFeHcx6ofpKfpnFMHTgfj+6+zwfmeE/ua5FPf7Uej/FhUNptuQnu+aL/22YXlM0iPeulfbNuzXelJ/+JKgbzaFvqS2qAaF4fmLgv25dOcfROfPxp7fd/sMz9piTdOw9acbjxpbDx9s48zKqn6a/zL+BpF5dVgAIAAA',
  /** mkfs.erofs 1.8.6 -zlz4hc -Eall-fragments: every content compressed. */
  packed:
    'H4sIAAAAAAACA+1Yz2vTYBj+0rTrFufs6MHK8FCdKAzbTaHTYhluViwDRasbImOk9qtNl6VrksK8zZN69ShehF297B/w5r/hj5MeBnoQj/Ft+qX5miZmOQ7fBz7y5CXf+z7vy/OlJYQgEIj/Fd++/v5y9sO7a0ngk2SWpFj8xGJsq3ddPJckMe75aQ+8+bKwLMu93wipn4B1eJOQ6+zeAgj8A7+q1KFxn/2z7DoPKh2+APwS41eBzzFeAJ7L5do7ZtfQPfVnuPqxgPoxn/pOnQxX/0y/zlD+O1x+MSB/wie/o/0Gl78EfJ7xJeAFxpeBFxkv9zXUFE1Vaub2Ttj8FU5fPEL/jo6H3JwfAS8xvg4Vlhh/QgSyMvBFktxmXIZ4hXFKxJ7uhtJotzqqom2pbe2Z1lXVEP1FTn8iQL/os78w8JGr/wLwVcYv9udId02qGUpbu6xTlcoGzdXd+tbKsH/GIsyvyPlnzsc/vbOw7zllyYD8gk9+ERQeviZE4mLjsL7DMH6I4fuhnT8OHxPixGjKOq0b8jYdemzvX/6y3sP7hJvPRAT9eTiqeXBxvtXxzd9rYf8FIa/SbkyKkF8K0W/PP8vVE9xejpLf8ece1/9kBH+scue/wJ3/+4PzL5A1xqvgjMeMKxD39W2rMxrrnbPRaNtsUl0kU/Z8xzlNJyP0/5nzT0ZIkNEyhqkrT82GrBrUx2Nv0kfz12luvlMR9AW0zflrwu4/w+05Fa1/y+0/Hti/qXftPG89/SaZvw/Sbo0Ul9/5nS4vf5oRAmZkvz5SByL+20EgEAgEAoFAIBAIBAKBQCCODz6ez9qfxo2mtCvYXz49ePlzunKrtClrzyW41mlNkTVprfygWrl3dxMiC1ekv4O1PagAIAAA',
} as const;

export type ErofsSample = keyof typeof images;

export const samples = Object.keys(images) as ErofsSample[];

/** The bytes of one image. */
export function erofsSample(name: ErofsSample): Buffer {
  return gunzipSync(Buffer.from(images[name], 'base64'));
}
