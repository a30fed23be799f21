import { createRequire } from 'node:module';
import {
  type Abi,
  type Address,
  createTestClient,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  type Hex,
  http,
  keccak256,
  parseAbi,
  parseEther,
  publicActions,
  stringToHex,
  zeroAddress,
} from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { ROUTER_ABI, TOKEN_ABI } from '../../connectors/chain/abi.ts';
import type { ChainContracts } from '../../connectors/chain/index.ts';
import { sqrtRatioAtTick } from '../../processors/trading/index.ts';
import tokens from '../../connectors/chain/contracts/local-tokens.json' with { type: 'json' };

/*
 * What is put on a local chain: factory, router, quoter and position manager as Uniswap published them, a wrapped
 * ether, a dollar of six decimals, their pool, and liquidity. Every step is one transaction of one account, so the
 * account's nonce says which steps are done, and the addresses are the same on every chain.
 */

/** One of the accounts that anvil makes unlocked. */
const DEPLOYER: Address = '0xa0Ee7A142d267C1f36714E4a8F75612F20a79720';
const FEE = 500;
/** About 2,501 USDC a WETH, in the middle of its tick range, as the mock venue has it; USDC is token0, as on mainnet. */
const TICK = 198_075;
const RANGE = 2_000;
const POOL_WETH = parseEther('40000000');
const POOL_USDC = 120_000_000_000n * 10n ** 6n;
const TRADER_WETH = parseEther('100000');
const TRADER_USDC = 250_000_000n * 10n ** 6n;
const TRADER_ETHER = parseEther('10000');
/** Small enough for the pools of a real chain. */
const FORK_WETH = parseEther('40');
const FORK_ETHER = parseEther('1000');
const FOREVER = 2n ** 256n - 1n;
/** Not estimated: a pool takes more when the block comes in a later second than the estimate. */
const STEP_GAS = 10_000_000n;

const POSITIONS_ABI = parseAbi([
  'function createAndInitializePoolIfNecessary(address token0, address token1, uint24 fee, uint160 sqrtPriceX96) payable returns (address pool)',
  'struct MintParams { address token0; address token1; uint24 fee; int24 tickLower; int24 tickUpper; uint256 amount0Desired; uint256 amount1Desired; uint256 amount0Min; uint256 amount1Min; address recipient; uint256 deadline; }',
  'function mint(MintParams params) payable returns (uint256 tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)',
]);
const DOLLAR_ABI = parseAbi(['function mint(address to, uint256 value)']);

const created = (nonce: bigint): Address => getContractAddress({ from: DEPLOYER, nonce });

/** Where the contracts stand; the order of creation makes USDC token0. Kept equal to config/chains.json by a test. */
export const LOCAL_CONTRACTS = {
  usdc: created(0n),
  weth: created(1n),
  factory: created(2n),
  router: created(3n),
  quoter: created(4n),
  positions: created(5n),
} as const;

/** The key of the account that trades on a local chain when none is given: worth nothing anywhere else. */
export function localTraderKey(): Hex {
  return keccak256(stringToHex('millrace: trader of the local chain'));
}

export function addressOfKey(key: string): Address {
  return privateKeyToAddress(key as Hex);
}

interface Artifact {
  readonly abi: Abi;
  readonly bytecode: Hex;
}

interface Step {
  readonly to?: Address;
  readonly data: Hex;
  readonly value?: bigint;
}

/**
 * Does what is not done yet, on a chain whose accounts are unlocked. Does nothing twice.
 *
 * Throws: viem's errors; Error when a step is reverted.
 */
export async function deployLocalChain(options: {
  readonly url: string;
  readonly trader: string;
}): Promise<void> {
  const chain = connect(options.url);
  // With what is on its way: a set-up that was cut off may have sent its last step just now.
  const done = await chain.getTransactionCount({ address: DEPLOYER, blockTag: 'pending' });
  const left = steps().slice(done);
  if (left.length > 0) await chain.setBalance({ address: DEPLOYER, value: POOL_WETH * 2n });
  for (const step of left) await send(chain, DEPLOYER, step);
  await fundTrader(options.url, options.trader as Address);
}

/**
 * Gives an account of a forked chain ether, the wrapped token and the router's allowances, and by a swap the dollars.
 * Does nothing for an account that has an allowance.
 */
export async function prepareFork(options: {
  readonly url: string;
  readonly trader: string;
  readonly contracts: ChainContracts;
}): Promise<void> {
  const { url, contracts } = options;
  const { router, tokens, wrapped } = contracts;
  const trader = options.trader as Address;
  const [weth, usdc] = [tokens.get(wrapped), tokens.get('USDC')];
  if (weth === undefined || usdc === undefined)
    throw new Error('The forked chain has no WETH or no USDC. Name them in config/chains.json.');
  const chain = connect(url);
  if ((await allowanceOf(chain, usdc, { trader, router })) > 0n) return;
  await chain.setBalance({ address: trader, value: FORK_ETHER });
  await chain.impersonateAccount({ address: trader });
  await send(chain, trader, { to: weth, data: call('deposit'), value: FORK_WETH });
  for (const to of [weth, usdc])
    await send(chain, trader, { to, data: call('approve', [router, FOREVER]) });
  const params = {
    tokenIn: weth,
    tokenOut: usdc,
    fee: FEE,
    recipient: trader,
    deadline: FOREVER,
    amountIn: FORK_WETH / 4n,
    amountOutMinimum: 0n,
    sqrtPriceLimitX96: 0n,
  };
  await send(chain, trader, {
    to: router,
    data: encodeFunctionData({
      abi: ROUTER_ABI,
      functionName: 'exactInputSingle',
      args: [params],
    }),
  });
  await chain.stopImpersonatingAccount({ address: trader });
}

/** Ether, both tokens, and the router's allowance for them. Does nothing for an account that has an allowance. */
export async function fundTrader(url: string, trader: Address): Promise<void> {
  const chain = connect(url);
  const { usdc, weth, router } = LOCAL_CONTRACTS;
  if ((await allowanceOf(chain, usdc, { trader, router })) > 0n) return;
  await giveTokens(url, trader);
  await chain.impersonateAccount({ address: trader });
  for (const to of [weth, usdc])
    await send(chain, trader, { to, data: call('approve', [router, FOREVER]) });
  await chain.stopImpersonatingAccount({ address: trader });
}

/** Ether and both tokens, without an allowance for anybody. */
export async function giveTokens(url: string, to: Address): Promise<void> {
  const chain = connect(url);
  const { usdc, weth } = LOCAL_CONTRACTS;
  await chain.setBalance({ address: to, value: TRADER_ETHER + TRADER_WETH });
  await chain.impersonateAccount({ address: to });
  await send(chain, to, { to: weth, data: call('deposit'), value: TRADER_WETH });
  await send(chain, to, { to: usdc, data: minted(to, TRADER_USDC) });
  await chain.stopImpersonatingAccount({ address: to });
}

function steps(): readonly Step[] {
  const { usdc, weth, factory, positions } = LOCAL_CONTRACTS;
  const [token0, token1] = [usdc, weth];
  const sqrtPriceX96 = sqrtRatioAtTick(TICK);
  const middle = Math.round(TICK / 10) * 10;
  const deadline = FOREVER;
  const params = {
    token0,
    token1,
    fee: FEE,
    tickLower: middle - RANGE,
    tickUpper: middle + RANGE,
    amount0Desired: POOL_USDC,
    amount1Desired: POOL_WETH,
    amount0Min: 0n,
    amount1Min: 0n,
    recipient: DEPLOYER,
    deadline,
  };
  return [
    { data: bytecode(tokens.bytecodes.LocalDollar) },
    { data: bytecode(tokens.bytecodes.WETH9) },
    create('@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json', []),
    create('@uniswap/v3-periphery/artifacts/contracts/SwapRouter.sol/SwapRouter.json', [
      factory,
      weth,
    ]),
    create('@uniswap/v3-periphery/artifacts/contracts/lens/QuoterV2.sol/QuoterV2.json', [
      factory,
      weth,
    ]),
    create(
      '@uniswap/v3-periphery/artifacts/contracts/NonfungiblePositionManager.sol/NonfungiblePositionManager.json',
      [factory, weth, zeroAddress],
    ),
    { to: weth, data: call('deposit'), value: POOL_WETH },
    { to: usdc, data: minted(DEPLOYER, POOL_USDC) },
    { to: weth, data: call('approve', [positions, FOREVER]) },
    { to: usdc, data: call('approve', [positions, FOREVER]) },
    {
      to: positions,
      data: encodeFunctionData({
        abi: POSITIONS_ABI,
        functionName: 'createAndInitializePoolIfNecessary',
        args: [token0, token1, FEE, sqrtPriceX96],
      }),
    },
    {
      to: positions,
      data: encodeFunctionData({ abi: POSITIONS_ABI, functionName: 'mint', args: [params] }),
    },
  ];
}

function create(path: string, args: readonly Address[]): Step {
  const artifact = createRequire(import.meta.url)(path) as Artifact;
  return { data: encodeDeployData({ ...artifact, args: [...args] }) };
}

function bytecode(text: string): Hex {
  return text as Hex;
}

function minted(to: Address, value: bigint): Hex {
  return encodeFunctionData({ abi: DOLLAR_ABI, functionName: 'mint', args: [to, value] });
}

function call(...of: ['deposit'] | ['approve', readonly [Address, bigint]]): Hex {
  const [functionName, args] = of;
  return functionName === 'deposit'
    ? encodeFunctionData({ abi: TOKEN_ABI, functionName })
    : encodeFunctionData({ abi: TOKEN_ABI, functionName, args });
}

function allowanceOf(
  chain: ReturnType<typeof connect>,
  token: Address,
  { trader, router }: { readonly trader: Address; readonly router: Address },
): Promise<bigint> {
  const args = [trader, router] as const;
  return chain.readContract({ address: token, abi: TOKEN_ABI, functionName: 'allowance', args });
}

function connect(url: string) {
  const transport = http(url, { retryCount: 0 });
  return createTestClient({ mode: 'anvil', transport, pollingInterval: 20 }).extend(publicActions);
}

async function send(chain: ReturnType<typeof connect>, from: Address, step: Step): Promise<void> {
  const hash = await chain.sendUnsignedTransaction({ from, gas: STEP_GAS, ...step });
  const receipt = await chain.waitForTransactionReceipt({ hash });
  if (receipt.status === 'success') return;
  throw new Error(
    `The local chain reverted ${hash}, a step of its set-up. Wipe it: millrace reset.`,
  );
}
